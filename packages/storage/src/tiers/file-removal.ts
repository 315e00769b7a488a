import { dirname } from 'node:path';
import { type FileSystem, isOpenWitError, type ObjectStore } from '@openwit/ports';
import { unfinishedName } from '../file-paths.ts';

/** What became of paths that were to be removed; those that are in neither were not tried. */
export interface Removal {
  readonly removed: ReadonlySet<string>;
  /** Why the others are still there. */
  readonly failed: ReadonlyMap<string, unknown>;
}

/** A store that refuses so many objects, one by one, is asked for no more of them. */
const MOST_REFUSALS = 10;

/** Removes files and objects, as many as it can: one that cannot be removed keeps no other. */
export class FileRemoval implements Removal {
  readonly removed: Set<string> = new Set();
  readonly failed: Map<string, unknown> = new Map();
  readonly #signal: AbortSignal | undefined;
  #refusals = 0;

  /** @param signal what is under way when it is aborted rejects with its reason */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Files, finished or not. */
  async files(fileSystem: Pick<FileSystem, 'remove' | 'syncFolder'>, paths: readonly string[]): Promise<void> {
    for (const [folder, list] of Map.groupBy(paths, dirname)) {
      const gone: string[] = [];
      for (const path of list) {
        this.#signal?.throwIfAborted();
        try {
          await fileSystem.remove(path);
          await fileSystem.remove(unfinishedName(path));
          gone.push(path);
        } catch (error) {
          this.failed.set(path, error);
        }
      }
      try {
        await fileSystem.syncFolder(folder).catch(unlessMissing);
        for (const path of gone) this.removed.add(path);
      } catch (error) {
        for (const path of gone) this.failed.set(path, error);
      }
    }
  }

  async objects(store: Pick<ObjectStore, 'url' | 'remove'>, urls: readonly string[]): Promise<void> {
    this.#refusals = 0;
    try {
      await this.#halve(store, urls);
    } catch (error) {
      this.#signal?.throwIfAborted();
      for (const url of urls) if (!this.removed.has(url)) this.failed.set(url, error);
    }
  }

  /** Something of a path that was removed is still somewhere. */
  hasLeft(path: string, error: unknown): void {
    this.removed.delete(path);
    this.failed.set(path, error);
  }

  /** Of many, a store does not say which it refuses. @throws when the store is not to be had */
  async #halve(store: Pick<ObjectStore, 'url' | 'remove'>, urls: readonly string[]): Promise<void> {
    if (this.#refusals >= MOST_REFUSALS) return;
    try {
      const call = this.#signal && { signal: this.#signal };
      const keys = urls.map((url) => url.slice(store.url.length + 1));
      await store.remove(keys, call);
      for (const url of urls) this.removed.add(url);
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (isOpenWitError(error) && error.code === 'OBJECT_STORE_UNAVAILABLE') throw error;
      if (urls.length > 1) {
        await this.#halve(store, urls.slice(0, urls.length >> 1));
        await this.#halve(store, urls.slice(urls.length >> 1));
        return;
      }
      this.#refusals++;
      this.failed.set(urls[0]!, error);
    }
  }
}

/** A folder that is not there has nothing that could come back. */
function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

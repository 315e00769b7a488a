import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  canBeginKey,
  checkObjectKey,
  type FileSystem,
  type GetOptions,
  makeRequest,
  type ObjectCall,
  type ObjectContent,
  type ObjectInfo,
  type ObjectOperation,
  type ObjectStore,
  type OpenFile,
  type PutOptions,
  partsOf,
  type Random,
  type RestoreOptions,
  randomHex,
} from '@openwit/ports';
import { makeDurableFolder } from '../durable-folder.ts';
import { diskError, isNoFile } from './disk-errors.ts';
import { listObjects } from './disk-list.ts';
import { readBytes } from './file-content.ts';
import { badRequest, closedStore, objectExists, objectNotFound } from './object-errors.ts';

export interface DiskObjectStoreSettings {
  /** The folder of the objects: the object `a/b` is its file `a/b`. */
  readonly folder: string;
  /** Bytes that are read of a content and written at a time. Default 8 MiB. */
  readonly partBytes?: number;
}

/** Inside the folder, because a rename must stay on one disk; no key begins with a dot. */
const UNFINISHED = '.unfinished';

/** Objects as plain files below a folder. It has no storage classes and no versions; times are in lists alone. */
export class DiskObjectStore implements ObjectStore {
  readonly url: string;
  readonly #fileSystem: FileSystem;
  readonly #random: Random;
  readonly #folder: string;
  readonly #partBytes: number;
  #isClosed = false;

  constructor(
    { fileSystem, random }: { readonly fileSystem: FileSystem; readonly random: Random },
    { folder, partBytes = 8 * 1024 * 1024 }: DiskObjectStoreSettings,
  ) {
    this.#fileSystem = fileSystem;
    this.#random = random;
    this.#folder = resolve(folder);
    this.#partBytes = partBytes;
    this.url = pathToFileURL(this.#folder).href;
  }

  async put(key: string, content: ObjectContent, options: PutOptions = {}): Promise<ObjectInfo> {
    checkObjectKey(key);
    this.#checkClass('put', key, options.storageClass);
    return this.#request(options, 'put', key, content.sizeBytes, async (signal) => {
      const unfinished = join(this.#folder, UNFINISHED, randomHex(this.#random, 16));
      try {
        await this.#write(unfinished, content, signal);
        await this.#publish(unfinished, key, options.ifAbsent ?? false, signal);
      } finally {
        await this.#fileSystem.remove(unfinished);
      }
      return infoOf(key, content.sizeBytes);
    });
  }

  async get(key: string, { range, ...call }: GetOptions = {}): Promise<Uint8Array> {
    checkObjectKey(key);
    return this.#request(call, 'get', key, 0, (_signal, request) =>
      this.#withFile(key, async (file, sizeBytes) => {
        const offset = Math.min(range?.offset ?? 0, sizeBytes);
        const bytes = await readBytes(file, offset, Math.min(range?.length ?? sizeBytes, sizeBytes - offset));
        request.receivedBytes = bytes.length;
        return bytes;
      }),
    );
  }

  async head(key: string, call: ObjectCall = {}): Promise<ObjectInfo | undefined> {
    checkObjectKey(key);
    return this.#request(call, 'head', key, 0, () =>
      this.#withFile(key, async (_file, sizeBytes) => infoOf(key, sizeBytes)).catch(unlessNoFile),
    );
  }

  async remove(keys: readonly string[], call: ObjectCall = {}): Promise<void> {
    for (const key of keys) checkObjectKey(key);
    if (keys.length === 0) return;
    await this.#request(call, 'remove', keys[0]!, 0, async (signal) => {
      const folders = new Set<string>();
      for (const key of keys) {
        signal?.throwIfAborted();
        await this.#fileSystem.remove(this.#path(key)).catch(unlessNoFile);
        folders.add(dirname(this.#path(key)));
      }
      for (const folder of folders) await this.#fileSystem.syncFolder(folder).catch(unlessNoFile);
    });
  }

  async *list(prefix: string, call: ObjectCall = {}): AsyncGenerator<ObjectInfo> {
    if (!canBeginKey(prefix)) return;
    const entriesOf = (folder: string) =>
      this.#request(call, 'list', prefix, 0, async () => {
        return (await this.#fileSystem.list(join(this.#folder, folder)).catch(unlessNoFile)) ?? [];
      });
    for await (const { key, sizeBytes, modifiedMs } of listObjects(entriesOf, prefix)) {
      yield { ...infoOf(key, sizeBytes), lastModifiedMs: modifiedMs };
    }
  }

  async setStorageClass(key: string, storageClass: string): Promise<void> {
    checkObjectKey(key);
    this.#checkClass('setStorageClass', key, storageClass);
  }

  async restore(key: string, call: RestoreOptions): Promise<'ready'> {
    if ((await this.head(key, call)) === undefined) throw objectNotFound(this.url, key);
    return 'ready';
  }

  /** An upload's time is that of its last write. */
  async removeUnfinished(beforeMs: number, call: ObjectCall = {}): Promise<number> {
    return this.#request(call, 'removeUnfinished', '', 0, async (signal) => {
      const folder = join(this.#folder, UNFINISHED);
      const old = (await this.#fileSystem.list(folder)).filter(({ modifiedMs }) => modifiedMs < beforeMs);
      for (const { name } of old) {
        signal?.throwIfAborted();
        await this.#fileSystem.remove(join(folder, name));
      }
      return old.length;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  async #write(path: string, content: ObjectContent, signal: AbortSignal | undefined): Promise<void> {
    await this.#fileSystem.makeFolder(dirname(path));
    const file = await this.#fileSystem.open(path, 'create');
    try {
      for await (const { offset, bytes } of partsOf(content, this.#partBytes)) {
        signal?.throwIfAborted();
        await file.write([bytes], offset);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #publish(unfinished: string, key: string, ifAbsent: boolean, signal: AbortSignal | undefined): Promise<void> {
    const path = this.#path(key);
    await makeDurableFolder(this.#fileSystem, dirname(path));
    signal?.throwIfAborted();
    if (ifAbsent) await this.#fileSystem.link(unfinished, path).catch((error) => this.#rejectTaken(error, key));
    else await this.#fileSystem.rename(unfinished, path);
    await this.#fileSystem.syncFolder(dirname(path));
  }

  #rejectTaken(error: NodeJS.ErrnoException, key: string): never {
    throw error.code === 'EEXIST' ? objectExists(this.url, key, error) : error;
  }

  async #withFile<T>(key: string, use: (file: OpenFile, sizeBytes: number) => Promise<T>): Promise<T> {
    const file = await this.#fileSystem.open(this.#path(key), 'read');
    try {
      // A folder can be opened, but not read.
      await file.read(new Uint8Array(1), 0);
      return await use(file, await file.size());
    } finally {
      await file.close();
    }
  }

  #request<T>(
    call: ObjectCall,
    operation: ObjectOperation,
    key: string,
    sentBytes: number,
    run: (signal: AbortSignal | undefined, request: { receivedBytes: number }) => Promise<T>,
  ): Promise<T> {
    if (this.#isClosed) throw closedStore(this.url);
    return makeRequest(call, { operation, key, sentBytes }, async (signal, request) => {
      try {
        return await run(signal, request);
      } catch (error) {
        throw diskError({ url: this.url, operation, key }, error, signal);
      }
    });
  }

  #checkClass(operation: ObjectOperation, key: string, storageClass: string | undefined): void {
    if (storageClass !== undefined) throw badRequest({ url: this.url, operation, key }, 'storageClass', undefined);
  }

  #path(key: string): string {
    return join(this.#folder, key);
  }
}

function infoOf(key: string, sizeBytes: number): ObjectInfo {
  return { key, sizeBytes, isArchived: false };
}

function unlessNoFile(error: NodeJS.ErrnoException): undefined {
  if (!isNoFile(error)) throw error;
  return undefined;
}

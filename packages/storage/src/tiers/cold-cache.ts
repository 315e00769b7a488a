import type { FileSystem, ObjectStore, Snapshot } from '@openwit/ports';
import { cacheClosed, noStore } from './cold-errors.ts';
import type { ObjectPlace } from './cold-file.ts';
import { ColdReads, type ColdReadsParts } from './cold-reads.ts';
import { type ColdCacheSettings, type ColdCacheStats, coldSettings } from './cold-settings.ts';
import { ColdShelf } from './cold-shelf.ts';
import { Layouts } from './layouts.ts';
import { RangeFetcher } from './range-fetcher.ts';

export interface ColdCacheCollaborators {
  /** Where the files may lie; each is found by the beginning of the file's URL. They stay open when the cache is closed. */
  readonly stores: readonly ObjectStore[];
  readonly fileSystem: FileSystem;
}

/** The remote files of one snapshot. All are functions of their own, needing no `this`. */
export type ColdSnapshot = Required<Pick<Snapshot, 'localise' | 'localiseIndexes' | 'release'>>;

/**
 * Files of object stores, as far as queries read them, on the local disk. Of each there is a sparse copy with the byte ranges
 * that were asked for; what several queries want is fetched once, and whole copies go, the least recently used
 * first, when there is no more room. What a query has stays until its snapshot is released.
 */
export class ColdCache {
  readonly #parts: ColdReadsParts;
  #hits = 0;
  #misses = 0;
  #isClosed = false;

  /** @throws the file system's error when the folder cannot be made or emptied */
  static async open(collaborators: ColdCacheCollaborators, settings: ColdCacheSettings): Promise<ColdCache> {
    const all = coldSettings(settings);
    const shelf = await ColdShelf.open(collaborators.fileSystem, all.folder, all.maxBytes);
    return new ColdCache(collaborators, all, shelf);
  }

  private constructor({ stores }: ColdCacheCollaborators, settings: ReturnType<typeof coldSettings>, shelf: ColdShelf) {
    // The longest first: one store may lie in another's prefix.
    const known = stores.toSorted((a, b) => b.url.length - a.url.length);
    this.#parts = {
      shelf,
      settings,
      fetcher: new RangeFetcher(shelf, settings),
      layouts: new Layouts(settings.maxFooters),
      locate: (url, sizeBytes) => {
        if (this.#isClosed) throw cacheClosed();
        return locate(known, url, sizeBytes);
      },
      counted: (hits, misses) => {
        this.#hits += hits;
        this.#misses += misses;
      },
    };
  }

  /** For a snapshot: its `localise` and `localiseIndexes`, and what its `release` has to call. */
  reads(): ColdSnapshot {
    return new ColdReads(this.#parts);
  }

  /** The objects of these URLs were removed: their copies go too. @returns why, for those of which something is left here */
  forget(urls: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    return this.#parts.shelf.forget(urls);
  }

  stats(): ColdCacheStats {
    const { shelf, fetcher } = this.#parts;
    return {
      requests: fetcher.requests,
      fetchedBytes: fetcher.fetchedBytes,
      hits: this.#hits,
      misses: this.#misses,
      evictedBytes: shelf.evictedBytes,
      heldBytes: shelf.heldBytes,
      files: shelf.size,
    };
  }

  /** Ends what is under way and removes the copies. There must be no query any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#parts.fetcher.close();
    await this.#parts.shelf.close();
  }
}

function locate(stores: readonly ObjectStore[], url: string, sizeBytes: number): ObjectPlace {
  const store = stores.find((candidate) => url.startsWith(`${candidate.url}/`));
  if (store === undefined) throw noStore(url);
  return { store, key: url.slice(store.url.length + 1), sizeBytes };
}

import type { Catalog, Clock, ObjectStore } from '@openwit/ports';
import { nodeOfKey } from '../file-paths.ts';
import { type GarbageParts, sweepGarbage } from '../garbage-sweep.ts';
import type { Chore } from '../maintenance.ts';
import type { FilePlaces } from './file-places.ts';

export interface BucketSweepSettings {
  /** From the end of one sweep to the next, in milliseconds. */
  readonly everyMs: number;
  /** What is younger by its store's clock stays, in milliseconds; the first sweep comes so long after the start. */
  readonly minAgeMs: number;
}

export const DEFAULT_BUCKET_SWEEP: BucketSweepSettings = { everyMs: 86_400_000, minAgeMs: 3_600_000 };

export interface BucketSweepParts extends GarbageParts {
  readonly catalog: Pick<Catalog, 'adopt' | 'garbage' | 'forgetGarbage'>;
  readonly places: Pick<FilePlaces, 'stores' | 'remove'>;
  readonly clock: Clock;
  /** Called when there is new garbage, should its removal here come to nothing. */
  readonly onLeft: () => void;
}

export interface BucketSweepStats {
  /** Sweeps of all stores. */
  readonly sweeps: number;
  /** Objects that were in no table. */
  readonly strayObjects: number;
  readonly unfinishedUploads: number;
  /** Sweeps of a store that failed. */
  readonly failures: number;
  /** Why one failed in the last sweep; undefined when none did. */
  readonly lastError: unknown;
}

export const NO_SWEEPS: BucketSweepStats = {
  sweeps: 0,
  strayObjects: 0,
  unfinishedUploads: 0,
  failures: 0,
  lastError: undefined,
};

/** Keys that the catalog is asked for at once. */
const LOT = 500;
/** A sweep that failed is tried again after this part of the time between sweeps. */
const RETRY_SHARE = 0.1;

/**
 * Looks through the stores for what a crash or a network left there: uploads that were never finished, and objects in this
 * node's folders that the catalog does not know, such as a put that arrived once more after its file was removed. It makes
 * garbage of them, so that they go as all garbage does. To be run while this store moves nothing.
 */
export class BucketSweep implements Chore {
  readonly #parts: BucketSweepParts;
  readonly #nodeId: string;
  readonly #settings: BucketSweepSettings;
  readonly #stopping = new AbortController();
  /** By the monotonic clock. */
  #dueAt: number;
  #stats = NO_SWEEPS;

  constructor(parts: BucketSweepParts, nodeId: string, settings: BucketSweepSettings) {
    this.#parts = parts;
    this.#nodeId = nodeId;
    this.#settings = settings;
    this.#dueAt = parts.clock.monotonic() + settings.minAgeMs;
  }

  get stats(): BucketSweepStats {
    return this.#stats;
  }

  /** A sweep that is under way is given up. */
  stop(): void {
    this.#stopping.abort();
  }

  async run(): Promise<void> {
    const { clock, places } = this.#parts;
    if (clock.monotonic() < this.#dueAt) return;
    const errors: unknown[] = [];
    for (const store of places.stores) {
      try {
        await this.#sweep(store);
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        errors.push(error);
      }
    }
    const { sweeps, failures } = this.#stats;
    this.#count({ sweeps: sweeps + 1, failures: failures + errors.length, lastError: errors[0] });
    this.#dueAt = clock.monotonic() + this.#settings.everyMs * (errors.length > 0 ? RETRY_SHARE : 1);
  }

  failed(error: unknown): void {
    this.#count({ failures: this.#stats.failures + 1, lastError: error });
  }

  async #sweep(store: ObjectStore): Promise<void> {
    const beforeMs = this.#parts.clock.now() - this.#settings.minAgeMs;
    const { signal } = this.#stopping;
    let lot: string[] = [];
    for await (const { key, lastModifiedMs = Infinity } of store.list('', { signal })) {
      if (nodeOfKey(key) !== this.#nodeId || lastModifiedMs >= beforeMs) continue;
      if (lot.push(`${store.url}/${key}`) < LOT) continue;
      await this.#removeStrays(lot);
      lot = [];
    }
    if (lot.length > 0) await this.#removeStrays(lot);
    const unfinished = await store.removeUnfinished(beforeMs, { signal });
    this.#count({ unfinishedUploads: this.#stats.unfinishedUploads + unfinished });
  }

  /** The catalog is asked now, when the objects are there: what it took into a table meanwhile it knows. */
  async #removeStrays(paths: readonly string[]): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    const strays = await this.#parts.catalog.adopt(paths);
    if (strays === 0) return;
    this.#count({ strayObjects: this.#stats.strayObjects + strays });
    this.#parts.onLeft();
    await sweepGarbage(this.#parts, this.#stopping.signal);
  }

  #count(changes: Partial<BucketSweepStats>): void {
    this.#stats = { ...this.#stats, ...changes };
  }
}

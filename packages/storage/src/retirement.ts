import { type Catalog, type Clock, isOpenWitError, type ObjectStore, OpenWitError, sleep } from '@openwit/ports';
import { Backoffs } from './backoffs.ts';
import { type GarbageParts, sweepGarbage } from './garbage-sweep.ts';
import type { Chore } from './maintenance.ts';
import type { TrustedTime } from './retention/trusted-time.ts';
import type { FilePlaces } from './tiers/file-places.ts';

export interface RetirementParts extends GarbageParts {
  readonly catalog: Pick<Catalog, 'expireSnapshots' | 'garbage' | 'forgetGarbage' | 'retiredPaths' | 'scrub'>;
  readonly places: Pick<FilePlaces, 'remove'> & { readonly stores: readonly Pick<ObjectStore, 'removeUnfinished'>[] };
  readonly clock: Clock;
  /** What the age of a snapshot is told by. */
  readonly time: Pick<TrustedTime, 'now'>;
}

export interface RetirementStats {
  readonly removedFiles: number;
  /** Attempts to remove a file, and to read or write the list of those to be removed, that failed. Each is made again. */
  readonly failures: number;
  /** Why the last one failed; undefined when all that failed has succeeded since. */
  readonly lastError: unknown;
}

export const NOTHING_RETIRED: RetirementStats = { removedFiles: 0, failures: 0, lastError: undefined };

/** How long a file that a query still reads waits for the next attempt. */
const RETRY_MS = 5000;
const ERASE_RETRY_MS = 200;

/** Forgets old snapshots and removes the files that no other one has. */
export class Retirement implements Chore {
  readonly #parts: RetirementParts;
  readonly #retentionMs: number;
  readonly #openedMs: number;
  /** By the monotonic clock; the start finds what earlier runs left. */
  #dueAt = 0;
  #lastEndAt = -Infinity;
  /** By path. */
  readonly #unremoved: Backoffs<string>;
  readonly #givenUp = new AbortController();
  #stats = NOTHING_RETIRED;

  /** @param retentionMs how long a snapshot is kept after it was followed by another */
  constructor(parts: RetirementParts, retentionMs: number) {
    this.#parts = parts;
    this.#retentionMs = retentionMs;
    this.#openedMs = parts.clock.now();
    this.#unremoved = new Backoffs(parts.clock);
  }

  get stats(): RetirementStats {
    return this.#stats;
  }

  /** What is being removed is left to the next start. */
  giveUp(): void {
    this.#givenUp.abort(new OpenWitError('closed', 'CLOSED', 'the store is closed'));
  }

  /** A snapshot was followed by another. */
  snapshotEnded(): void {
    this.#lastEndAt = this.#parts.clock.monotonic();
    this.#dueBy(this.#lastEndAt + this.#retentionMs);
  }

  /** Something that was announced came to nothing. */
  garbageLeft(): void {
    this.#dueBy(this.#parts.clock.monotonic() + RETRY_MS);
  }

  /**
   * Forgets all snapshots but the newest, and waits until what only they had is gone: from the disk, the stores and the
   * catalog. Queries that read it are waited for, until the signal says otherwise.
   * @throws unavailable / STORE_UNAVAILABLE, OBJECT_STORE_UNAVAILABLE; closed / CLOSED; what is left then goes later
   */
  async erase(caller?: AbortSignal): Promise<void> {
    const { catalog, places } = this.#parts;
    const signal = caller === undefined ? this.#givenUp.signal : AbortSignal.any([caller, this.#givenUp.signal]);
    try {
      await catalog.expireSnapshots(Number.MAX_SAFE_INTEGER);
      await this.#emptyGarbage(signal);
      // A move that was planned before may have opened a file just before it went: its copy has been announced since.
      await this.#emptyGarbage(signal);
      // An upload that a kill cut short is in no catalog.
      for (const store of places.stores) await store.removeUnfinished(this.#openedMs, { signal });
      await catalog.scrub();
    } catch (error) {
      if (isOpenWitError(error)) throw error;
      throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'a file cannot be removed', { cause: error });
    }
  }

  async run(): Promise<void> {
    const { catalog, clock, time } = this.#parts;
    const now = clock.monotonic();
    if (now < this.#dueAt) return;
    // What is told meanwhile counts beside what this run finds.
    this.#dueAt = Infinity;
    try {
      await catalog.expireSnapshots(time.now() - this.#retentionMs);
      const left = await this.#sweep();
      const lastDueAt = this.#lastEndAt + this.#retentionMs;
      // The snapshots of the meantime fall due together: what they keep is theirs alone for that long.
      if (left.size === 0 && lastDueAt > now) this.#dueBy(lastDueAt);
      // The wall clock may be behind this one, and what is old by one of them is not yet by the other.
      else if (left.size > 0 || (await catalog.retiredPaths()).length > 0) this.#dueBy(now + RETRY_MS);
    } catch (error) {
      if (this.#givenUp.signal.aborted) return;
      this.failed(error);
      this.#dueBy(now + RETRY_MS);
    }
  }

  /** Resolves when nothing is left of what is garbage now, however much comes to be garbage meanwhile. */
  async #emptyGarbage(signal: AbortSignal): Promise<void> {
    let awaited: ReadonlySet<string> | undefined;
    for (;;) {
      const { left, failed } = await sweepGarbage(this.#parts, signal);
      awaited ??= left;
      for (const error of failed.values()) throw error;
      if (![...left].some((path) => awaited!.has(path))) return;
      await sleep(this.#parts.clock, ERASE_RETRY_MS, signal);
    }
  }

  /** @returns what is left */
  async #sweep(): Promise<ReadonlySet<string>> {
    const isWaiting = (path: string) => this.#unremoved.isWaiting(path);
    const { removed, left, failed } = await sweepGarbage(this.#parts, this.#givenUp.signal, isWaiting);
    if (this.#unremoved.size > 0) this.#unremoved.keep(left);
    for (const [path, error] of failed) {
      this.#unremoved.failed(path);
      this.failed(error);
    }
    const { removedFiles, lastError } = this.#stats;
    this.#stats = {
      ...this.#stats,
      removedFiles: removedFiles + removed,
      lastError: this.#unremoved.size > 0 ? lastError : undefined,
    };
    return left;
  }

  failed(error: unknown): void {
    this.#stats = { ...this.#stats, failures: this.#stats.failures + 1, lastError: error };
  }

  #dueBy(at: number): void {
    this.#dueAt = Math.min(this.#dueAt, at);
  }
}

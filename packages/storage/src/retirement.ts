import { type Catalog, type Clock, isOpenWitError, OpenWitError, sleep } from '@openwit/ports';
import { type GarbageParts, sweepGarbage } from './garbage-sweep.ts';
import type { Chore } from './maintenance.ts';

export interface RetirementParts extends GarbageParts {
  readonly catalog: Pick<Catalog, 'expireSnapshots' | 'garbage' | 'forgetGarbage' | 'retiredPaths' | 'scrub'>;
  readonly clock: Clock;
}

/** How long a file that a query still reads, or that could not be removed, waits for the next attempt. */
const RETRY_MS = 5000;
const ERASE_RETRY_MS = 200;

/** Forgets old snapshots and removes the files that no other one has. */
export class Retirement implements Chore {
  readonly #parts: RetirementParts;
  readonly #retentionMs: number;
  /** By the monotonic clock; the start finds what earlier runs left. */
  #dueAt = 0;
  /** The run before may have ended one right before this one began. */
  #lastEndAt: number;
  lastError: unknown;

  /** @param retentionMs how long a snapshot is kept after it was followed by another */
  constructor(parts: RetirementParts, retentionMs: number) {
    this.#parts = parts;
    this.#retentionMs = retentionMs;
    this.#lastEndAt = parts.clock.monotonic();
  }

  /** A snapshot was followed by another. */
  snapshotEnded(): void {
    this.#lastEndAt = this.#parts.clock.monotonic();
    this.#dueAt = Math.min(this.#dueAt, this.#lastEndAt + this.#retentionMs);
  }

  /** Something that was announced came to nothing. */
  garbageLeft(): void {
    this.#dueAt = Math.min(this.#dueAt, this.#parts.clock.monotonic() + RETRY_MS);
  }

  /**
   * Forgets all snapshots but the newest, and waits until what only they had is gone: from the disk, the stores and the
   * catalog. Queries that read it are waited for.
   * @throws unavailable / STORE_UNAVAILABLE, OBJECT_STORE_UNAVAILABLE; what is left then goes later
   */
  async erase(): Promise<void> {
    const { catalog, clock } = this.#parts;
    try {
      await catalog.expireSnapshots(Number.MAX_SAFE_INTEGER);
      while ((await sweepGarbage(this.#parts)) > 0) await sleep(clock, ERASE_RETRY_MS);
      await catalog.scrub();
    } catch (error) {
      if (isOpenWitError(error)) throw error;
      throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'a file cannot be removed', { cause: error });
    }
  }

  async run(): Promise<void> {
    const now = this.#parts.clock.monotonic();
    if (now < this.#dueAt) return;
    // What ends while it runs is told meanwhile, and makes it due again by itself.
    this.#dueAt = Infinity;
    try {
      this.#dueAt = Math.min(this.#dueAt, await this.#retire(now));
      this.lastError = undefined;
    } catch (error) {
      this.lastError = error;
      this.#dueAt = Math.min(this.#dueAt, now + RETRY_MS);
    }
  }

  /** @returns when to look again */
  async #retire(now: number): Promise<number> {
    const { catalog, clock } = this.#parts;
    await catalog.expireSnapshots(clock.now() - this.#retentionMs);
    const left = await sweepGarbage(this.#parts);
    const lastDueAt = this.#lastEndAt + this.#retentionMs;
    // The snapshots of the meantime fall due together: what they keep is theirs alone for that long.
    if (left === 0 && lastDueAt > now) return lastDueAt;
    // The wall clock may be behind this one, and what is old by one of them is not yet by the other.
    return left > 0 || (await catalog.retiredPaths()).length > 0 ? now + RETRY_MS : Infinity;
  }
}

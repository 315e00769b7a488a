import type { FileSystem, WalRange } from '@openwit/ports';
import type { Segment } from './segment.ts';

/**
 * The segments of a log, oldest first, and which of their frames are released. A file goes when all its frames are,
 * never the last one: its name and header carry the sequence on.
 */
export class SegmentShelf {
  readonly #fileSystem: FileSystem;
  readonly #folder: string;
  readonly #onForgotten: (batchIds: readonly number[]) => void;
  readonly #released = new Map<number, number>();
  #segments: Segment[];
  /** Files that an earlier process removed may come back with a power cut until the folder is synced once. */
  #isFolderSynced = false;
  #reclaiming: Promise<void> | undefined;
  #isReleased = false;
  #isHeld = false;
  #failure: unknown;

  constructor(
    fileSystem: FileSystem,
    folder: string,
    segments: readonly Segment[],
    onForgotten: (batchIds: readonly number[]) => void,
  ) {
    this.#fileSystem = fileSystem;
    this.#folder = folder;
    this.#segments = [...segments];
    this.#onForgotten = onForgotten;
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { validBytes }) => sum + validBytes, 0);
  }

  /** What a new segment would let go: the last one, when all its frames are released. */
  get reclaimableBytes(): number {
    const last = this.#segments.length - 1;
    if (last < 0 || !this.#isUnneeded(this.#segments[last]!, last)) return 0;
    return this.#segments[last]!.validBytes;
  }

  /** From now on the segments before it can go. */
  add(segment: Segment): void {
    this.#segments.push(segment);
    this.#reclaimSoon();
  }

  isReleased(batchId: number, lsn: number): boolean {
    return lsn <= (this.#released.get(batchId) ?? 0);
  }

  release({ batchId, throughLsn }: WalRange): void {
    this.#released.set(batchId, Math.max(throughLsn, this.#released.get(batchId) ?? 0));
    this.#reclaimSoon();
  }

  /** Segments are not kept for their damage any more. */
  giveUpRepair(): void {
    for (const segment of this.#segments) segment.isKept = false;
  }

  /** Removes and forgets nothing until the returned function is called: what is being read tells by it what is released. */
  async hold(): Promise<() => void> {
    this.#isHeld = true;
    await this.settled();
    return () => {
      this.#isHeld = false;
      if (this.#isReleased) this.#reclaimSoon();
    };
  }

  /** Removes what can go. @throws the file system's error when something of it stays */
  async reclaim(): Promise<void> {
    this.#reclaimSoon();
    await this.settled();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when no file is being removed. */
  async settled(): Promise<void> {
    await this.#reclaiming;
  }

  #reclaimSoon(): void {
    this.#isReleased = true;
    this.#reclaiming ??= this.#reclaim();
  }

  async #reclaim(): Promise<void> {
    await undefined;
    while (this.#isReleased && !this.#isHeld) {
      this.#isReleased = false;
      // A file that cannot be removed now is tried again at the next release; until then it counts in `bytes`.
      this.#failure = undefined;
      await this.#reclaimOnce().catch((error: unknown) => void (this.#failure = error));
    }
    this.#reclaiming = undefined;
  }

  async #reclaimOnce(): Promise<void> {
    const removable = this.#segments.filter((segment, i) => this.#isRemovable(segment, i));
    for (const { path } of removable) await this.#fileSystem.remove(path);
    if (removable.length > 0 || !this.#isFolderSynced) {
      this.#isFolderSynced = false;
      await this.#fileSystem.syncFolder(this.#folder);
      this.#isFolderSynced = true;
    }
    if (removable.length > 0) {
      this.#segments = this.#segments.filter((segment) => !removable.includes(segment));
      this.#isReleased = true;
    }
    this.#forget();
  }

  #isRemovable(segment: Segment, i: number): boolean {
    return i < this.#segments.length - 1 && this.#isUnneeded(segment, i);
  }

  #isUnneeded({ lastLsnOf, isKept }: Segment, i: number): boolean {
    if (isKept) return false;
    // A later header says what of an uncut segment is true.
    if (this.#segments.slice(0, i).some(({ isTailUncut }) => isTailUncut)) return false;
    return [...lastLsnOf].every(([batchId, lsn]) => this.isReleased(batchId, lsn));
  }

  /** Only now: a range forgotten while its frames can come back would be stored twice. */
  #forget(): void {
    const held = new Set(this.#segments.flatMap(({ lastLsnOf }) => [...lastLsnOf.keys()]));
    const forgotten = [...this.#released.keys()].filter((batchId) => !held.has(batchId));
    for (const batchId of forgotten) this.#released.delete(batchId);
    if (forgotten.length > 0) this.#onForgotten(forgotten);
  }
}

import {
  type FileSystem,
  type OpenFile,
  OpenWitError,
  type Random,
  systemRandom,
  type WalEntry,
  type WalRange,
  type WalRecord,
  type WalStats,
  type WriteAheadLog,
} from '@openwit/ports';
import { writeDurableFile } from '../durable-file.ts';
import { makeDurableFolder } from '../durable-folder.ts';
import { recordPath, removeDamaged } from './damage.ts';
import { FRAME_HEADER_BYTES, fitsFrame, frameBytes, MAX_NAMES_BYTES } from './frame.ts';
import { type RecoveredSegment, type Recovery, recover } from './recovery.ts';
import { SALT_BYTES, SEGMENT_HEADER_BYTES } from './segment-header.ts';
import { readSegment } from './segment-reader.ts';
import { SegmentShelf } from './segment-shelf.ts';
import { SegmentWriter } from './segment-writer.ts';

export interface SegmentedWalSettings {
  readonly folder: string;
  /** A segment that has this many bytes takes no more. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** The log takes no more when it has this many bytes; at least two segments. Default 2 GiB. */
  readonly maxBytes?: number;
  /** The longest payload. Default 64 MiB. */
  readonly maxPayloadBytes?: number;
  /** Appends that wait are written together up to this many bytes. Default 8 MiB. */
  readonly maxGroupBytes?: number;
  /** No frame of these batches is in the log any more, not even after a power cut: their ranges may be forgotten. */
  readonly onForgotten?: (batchIds: readonly number[]) => void;
}

const MIB = 1024 * 1024;
const DEFAULTS = {
  segmentBytes: 64 * MIB,
  maxBytes: 2048 * MIB,
  maxPayloadBytes: 64 * MIB,
  maxGroupBytes: 8 * MIB,
  onForgotten: () => {},
};
const RETRY_AFTER_MS = 1000;

interface PendingAppend {
  readonly record: WalRecord;
  readonly bytes: number;
  readonly done: PromiseWithResolvers<number>;
}

/**
 * A write-ahead log of append-only segment files. Appends that arrive while a write is under way are written together:
 * one write and one fdatasync. A write or fdatasync that fails ends its segment: what it may have left is cut, or, when
 * that fails too, the next segment's header says that it does not count. Only if the power also fails before any next
 * segment could be made, on a disk that refused the write, the cut and the new file, can a rejected record be replayed.
 */
export class SegmentedWal implements WriteAheadLog {
  readonly #fileSystem: FileSystem;
  readonly #random: Random;
  readonly #settings: Required<SegmentedWalSettings>;
  readonly #shelf: SegmentShelf;
  readonly #recovery: Recovery;
  readonly #waiting: PendingAppend[] = [];
  /** Of the appends that have not settled: those that wait, and the group that is being written. */
  readonly #rolls: PromiseWithResolvers<void>[] = [];
  #pendingBytes = 0;
  #isWriting = false;
  #nextLsn: number;
  #nextBatchId: number;
  #writer: SegmentWriter | undefined;
  #draining: Promise<void> | undefined;
  #isClosed = false;

  /**
   * Recovers the log; a missing folder is made. It does not fail for damage, a torn end or a full disk.
   * @throws invalid / INVALID_CONFIG; unavailable / WAL_UNAVAILABLE when the folder cannot be read
   */
  static async open(
    { fileSystem, random = systemRandom }: { readonly fileSystem: FileSystem; readonly random?: Random },
    settings: SegmentedWalSettings,
  ): Promise<SegmentedWal> {
    const all = { ...DEFAULTS, ...settings };
    if (all.maxBytes < 2 * all.segmentBytes) {
      throw new OpenWitError('invalid', 'INVALID_CONFIG', 'maxBytes must be at least twice segmentBytes');
    }
    try {
      await makeDurableFolder(fileSystem, all.folder);
      const recovery = await recover(fileSystem, all.folder, maxFrameBytes(all.maxPayloadBytes));
      return new SegmentedWal(fileSystem, random, all, recovery);
    } catch (error) {
      throw unavailable(`the write-ahead log cannot be read, path=\`${all.folder}\``, error);
    }
  }

  private constructor(
    fileSystem: FileSystem,
    random: Random,
    settings: Required<SegmentedWalSettings>,
    recovery: Recovery,
  ) {
    this.#fileSystem = fileSystem;
    this.#random = random;
    this.#settings = settings;
    this.#recovery = recovery;
    this.#nextLsn = recovery.nextLsn;
    this.#nextBatchId = recovery.nextBatchId;
    this.#shelf = new SegmentShelf(fileSystem, settings.folder, recovery.segments, settings.onForgotten);
  }

  get nextBatchId(): number {
    return this.#nextBatchId;
  }

  append(record: WalRecord): Promise<number> {
    const refusal = this.#refusal(record);
    if (refusal !== undefined) return Promise.reject(refusal);
    const pending = { record, bytes: frameBytes(record), done: Promise.withResolvers<number>() };
    this.#waiting.push(pending);
    this.#pendingBytes += pending.bytes;
    this.#nextBatchId = Math.max(this.#nextBatchId, record.batchId + 1);
    this.#draining ??= this.#drain();
    return pending.done.promise;
  }

  async *replay(): AsyncGenerator<WalEntry> {
    const letGo = await this.#shelf.hold();
    try {
      for (const segment of this.#recovery.segments) {
        if (this.#shelf.segments.includes(segment)) yield* this.#replaySegment(segment);
      }
    } finally {
      letGo();
    }
  }

  release(range: WalRange): void {
    this.#shelf.release(range);
  }

  async roll(): Promise<void> {
    const rolled = Promise.withResolvers<void>();
    this.#rolls.push(rolled);
    this.#draining ??= this.#drain();
    await rolled.promise;
    await this.#shelf.reclaim().catch((error: unknown) => {
      throw unavailable('a released segment cannot be removed', error);
    });
  }

  /** As `damaged/record-{tenant}-{lsn}.otlp`: the payload as it came. @throws unavailable / WAL_UNAVAILABLE */
  async setAside(entry: WalEntry): Promise<void> {
    const path = recordPath(this.#settings.folder, entry);
    try {
      await writeDurableFile(this.#fileSystem, path, [entry.payload]);
    } catch (error) {
      throw unavailable(`a record cannot be set aside, path=\`${path}\``, error);
    }
  }

  async giveUpRepair(tenant: string): Promise<void> {
    this.#shelf.giveUpRepair();
    await removeDamaged(this.#fileSystem, this.#settings.folder, tenant).catch((error: unknown) => {
      throw unavailable('what was set aside for repair cannot be removed', error);
    });
  }

  stats(): WalStats {
    const { damagedFrames, tornBytes } = this.#recovery;
    const { segments, bytes } = this.#shelf;
    return { segments: segments.length, bytes, nextLsn: this.#nextLsn, damagedFrames, tornBytes };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#draining;
    await this.#shelf.settled();
    await this.#writer?.close();
    this.#writer = undefined;
  }

  #refusal(record: WalRecord): OpenWitError | undefined {
    const { maxPayloadBytes, maxBytes } = this.#settings;
    if (this.#isClosed) return new OpenWitError('closed', 'CLOSED', 'the write-ahead log is closed');
    const payloadBytes = record.payload.length;
    const bytes = frameBytes(record);
    if (payloadBytes > maxPayloadBytes || !fitsFrame(record) || SEGMENT_HEADER_BYTES + bytes > maxBytes) {
      return new OpenWitError(
        'invalid',
        'REQUEST_TOO_LARGE',
        `a record is too large for the write-ahead log, bytes=${payloadBytes}`,
      );
    }
    const excess = this.#bytesToBe() + bytes - maxBytes;
    // The last segment makes way only before a group is written to it.
    if (excess <= 0 || (!this.#isWriting && excess <= this.#shelf.reclaimableBytes)) return undefined;
    return new OpenWitError('overloaded', 'OVERLOADED', `the write-ahead log is full, maxBytes=${maxBytes}`, {
      retryAfterMs: RETRY_AFTER_MS,
    });
  }

  async #drain(): Promise<void> {
    await undefined; // what is appended in one turn goes together
    while (this.#waiting.length + this.#rolls.length > 0) {
      if (this.#rolls.length > 0) await this.#rollNow(this.#rolls.splice(0));
      if (this.#waiting.length === 0) continue;
      const group = this.#takeGroup();
      this.#isWriting = true;
      try {
        const firstLsn = await this.#write(group.map(({ record }) => record));
        for (const [i, { done }] of group.entries()) done.resolve(firstLsn + i);
      } catch (error) {
        const failure = unavailable('the write-ahead log could not be written', error);
        // What waits behind the failed group fails with it, so that nothing is durable after a record that is not.
        group.push(...this.#waiting.splice(0));
        for (const { done } of group) done.reject(failure);
      }
      this.#isWriting = false;
      for (const { bytes } of group) this.#pendingBytes -= bytes;
    }
    this.#draining = undefined;
  }

  async #rollNow(rolls: readonly PromiseWithResolvers<void>[]): Promise<void> {
    try {
      const current = this.#writer;
      const isNew = current !== undefined && current.segment.lastLsnOf.size === 0;
      if (this.#shelf.segments.length > 0 && !isNew && !this.#isClosed) {
        await this.#newSegment();
        await current?.close();
      }
      for (const { resolve } of rolls) resolve();
    } catch (error) {
      for (const { reject } of rolls) reject(unavailable('the write-ahead log could not be rolled', error));
    }
  }

  #takeGroup(): PendingAppend[] {
    let count = 0;
    let bytes = 0;
    do bytes += this.#waiting[count++]!.bytes;
    while (count < this.#waiting.length && bytes + this.#waiting[count]!.bytes <= this.#settings.maxGroupBytes);
    return this.#waiting.splice(0, count);
  }

  /** Returns the sequence number of the first record when all are durable. */
  async #write(records: readonly WalRecord[]): Promise<number> {
    const writer = await this.#writableSegment();
    const firstLsn = this.#nextLsn;
    this.#nextLsn += records.length;
    try {
      await writer.append(records.map((record, i) => ({ ...record, lsn: firstLsn + i })));
      return firstLsn;
    } catch (error) {
      await this.#abandon(writer);
      throw error;
    }
  }

  async #writableSegment(): Promise<SegmentWriter> {
    const current = this.#writer;
    // Appends were admitted because the last segment, of which nothing is needed any more, makes way for them.
    const makesWay = this.#shelf.reclaimableBytes > 0 && this.#bytesToBe() > this.#settings.maxBytes;
    const isFull = current !== undefined && current.segment.validBytes >= this.#settings.segmentBytes;
    if (current !== undefined && !isFull && !makesWay) return current;
    const writer = await this.#newSegment();
    await current?.close();
    if (makesWay) await this.#shelf.settled();
    return writer;
  }

  /** What the log will have when all that is pending is written, perhaps to a new segment. */
  #bytesToBe(): number {
    return this.#shelf.bytes + this.#pendingBytes + SEGMENT_HEADER_BYTES;
  }

  async #newSegment(): Promise<SegmentWriter> {
    const last = this.#shelf.segments.at(-1);
    const header = {
      firstLsn: this.#nextLsn,
      nextBatchId: this.#nextBatchId,
      salt: this.#random.bytes(SALT_BYTES),
      previous: last === undefined ? undefined : { firstLsn: last.firstLsn, validBytes: last.validBytes },
    };
    // An attempt that fails leaves its name behind, or a file that must not be taken for this one: no name is tried twice.
    this.#nextLsn++;
    this.#writer = await SegmentWriter.create(this.#fileSystem, this.#settings.folder, header);
    this.#shelf.add(this.#writer.segment);
    return this.#writer;
  }

  /** Before its appends reject, what the failed write left must not count any more. */
  async #abandon(writer: SegmentWriter): Promise<void> {
    this.#writer = undefined;
    const isCut = await writer.cut();
    // The file was synced as far as it is believed; closing it again tells nothing new.
    await writer.close().catch(() => {});
    if (!isCut) await this.#newSegment().catch(() => undefined);
  }

  async *#replaySegment({ path, salt, validBytes, lastLsnOf, bounds }: RecoveredSegment): AsyncGenerator<WalEntry> {
    const isReleased = ([batchId, lsn]: readonly [number, number]): boolean => this.#shelf.isReleased(batchId, lsn);
    if ([...lastLsnOf].every(isReleased)) return;
    const limits = { ...bounds, validBytes, maxFrameBytes: maxFrameBytes(this.#settings.maxPayloadBytes) };
    let file: OpenFile | undefined;
    try {
      file = await this.#fileSystem.open(path, 'read');
      for await (const stretch of readSegment(file, salt, limits)) {
        if (stretch.kind !== 'frame') continue; // counted and set aside at open
        const { entry } = stretch;
        if (!isReleased([entry.batchId, entry.lsn])) yield entry;
      }
    } catch (error) {
      throw unavailable(`a segment cannot be read, path=\`${path}\``, error);
    } finally {
      await file?.close();
    }
  }
}

function maxFrameBytes(maxPayloadBytes: number): number {
  return FRAME_HEADER_BYTES + MAX_NAMES_BYTES + maxPayloadBytes;
}

function unavailable(message: string, cause: unknown): OpenWitError {
  return new OpenWitError('unavailable', 'WAL_UNAVAILABLE', message, { cause, retryAfterMs: RETRY_AFTER_MS });
}

import { join } from 'node:path';
import type { FileSystem, OpenFile, WalEntry } from '@openwit/ports';
import { encodeFrameHeader } from './frame.ts';
import type { Segment } from './segment.ts';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader, segmentName } from './segment-header.ts';

/** The segment that is appended to. */
export class SegmentWriter {
  readonly segment: Segment;
  readonly #file: OpenFile;

  /** When it resolves, the file and its name are durable. */
  static async create(fileSystem: FileSystem, folder: string, header: SegmentHeader): Promise<SegmentWriter> {
    const path = join(folder, segmentName(header.firstLsn, header.nextBatchId));
    const file = await fileSystem.open(path, 'create');
    try {
      await file.write([encodeSegmentHeader(header)], 0);
      await file.sync();
      await fileSystem.syncFolder(folder);
    } catch (error) {
      // What stays of it is an empty segment, which harms nothing.
      await Promise.allSettled([file.close(), fileSystem.remove(path)]);
      throw error;
    }
    return new SegmentWriter(path, file, header);
  }

  private constructor(path: string, file: OpenFile, { firstLsn, salt }: SegmentHeader) {
    const validBytes = SEGMENT_HEADER_BYTES;
    this.segment = { path, firstLsn, salt, validBytes, lastLsnOf: new Map(), isTailUncut: false, isKept: false };
    this.#file = file;
  }

  /** When it resolves, the entries are durable. After it has rejected, the segment takes nothing more: {@link cut} it. */
  async append(entries: readonly WalEntry[]): Promise<void> {
    const { segment } = this;
    const pieces = entries.flatMap((entry) => [encodeFrameHeader(entry, segment.salt), entry.payload]);
    await this.#file.write(pieces, segment.validBytes);
    await this.#file.sync();
    for (const piece of pieces) segment.validBytes += piece.length;
    for (const { batchId, lsn } of entries) segment.lastLsnOf.set(batchId, lsn);
  }

  /** Takes away what an append that failed may have left. @returns false when the file system refuses that too */
  async cut(): Promise<boolean> {
    try {
      await this.#file.truncate(this.segment.validBytes);
      await this.#file.sync();
      return true;
    } catch {
      this.segment.isTailUncut = true;
      return false;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

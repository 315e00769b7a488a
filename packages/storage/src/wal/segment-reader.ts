import type { OpenFile, WalEntry } from '@openwit/ports';
import { beginsFrame, claimedFrameBytes, decodeFrame, FRAME_HEADER_BYTES } from './frame.ts';
import { SALT_BYTES, SEGMENT_HEADER_BYTES } from './segment-header.ts';

/** What lies at one place of a segment. */
export type Stretch = Frame | Damage | Torn;

export interface Frame {
  readonly kind: 'frame';
  readonly entry: WalEntry;
  readonly start: number;
  readonly end: number;
}

/** Bytes that are no frame, or frames that do not belong here. */
export interface Damage {
  readonly kind: 'damage';
  readonly start: number;
  readonly end: number;
}

/** The end of a segment that begins no frame which is all there: a write that did not come to its end. */
export interface Torn {
  readonly kind: 'torn';
  readonly start: number;
  readonly end: number;
}

/** Which frames a segment can have. */
export interface LsnBounds {
  readonly firstLsn: number;
  /** The first sequence number that is too great. */
  readonly endLsn: number;
}

export interface ReadLimits extends LsnBounds {
  /** Bytes of the segment that count: what is behind does not. */
  readonly validBytes: number;
  /** A frame that claims to be longer is damage. */
  readonly maxFrameBytes: number;
}

/**
 * Reads a segment's frames in order. It holds one block and one frame; a length is believed only when the file is that
 * long. Each payload has a buffer of its own. A frame whose number was read before, or is not of this segment, is a copy
 * that a file system or a person left: part of the damage, or its record would be stored twice.
 */
export async function* readSegment(file: OpenFile, salt: Uint8Array, limits: ReadLimits): AsyncGenerator<Stretch> {
  const reader = new FrameReader(file, salt, limits);
  let at = SEGMENT_HEADER_BYTES;
  let { firstLsn } = limits;
  let isForeign = false;
  for (let frame = await reader.frameFrom(at); frame !== undefined; frame = await reader.frameFrom(frame.end)) {
    isForeign = frame.entry.lsn < firstLsn || frame.entry.lsn >= limits.endLsn;
    if (isForeign) continue;
    if (frame.start > at) yield { kind: 'damage', start: at, end: frame.start };
    yield frame;
    at = frame.end;
    firstLsn = frame.entry.lsn + 1;
  }
  if (at >= limits.validBytes) return;
  const kind = isForeign || (await reader.isWritten(at)) ? 'damage' : 'torn';
  yield { kind, start: at, end: limits.validBytes };
}

const BLOCK_BYTES = 256 * 1024;

class FrameReader {
  readonly #file: OpenFile;
  readonly #salt: Uint8Array;
  readonly #limits: ReadLimits;
  /** The bytes read last, and where they stand: small frames are many to a read. */
  #block: Buffer = Buffer.alloc(0);
  #blockStart = 0;

  constructor(file: OpenFile, salt: Uint8Array, limits: ReadLimits) {
    this.#file = file;
    this.#salt = salt;
    this.#limits = limits;
  }

  /** The first frame that starts at `from` or behind it. */
  async frameFrom(from: number): Promise<Frame | undefined> {
    if (from >= this.#limits.validBytes) return undefined;
    return (await this.#frameAt(from)) ?? this.#frameAfter(from + 1);
  }

  /** True when a frame that begins here is all there, if damaged: its write came to its end and may be acknowledged. */
  async isWritten(start: number): Promise<boolean> {
    const header = await this.#bytes(start, FRAME_HEADER_BYTES);
    if (header.length < FRAME_HEADER_BYTES) return false;
    const end = start + claimedFrameBytes(header);
    const { validBytes } = this.#limits;
    // Where the salt itself is damaged, only a length that fits exactly tells a frame from noise.
    return beginsFrame(header, this.#salt) ? end <= validBytes : end === validBytes;
  }

  async #frameAt(start: number): Promise<Frame | undefined> {
    const { validBytes, maxFrameBytes } = this.#limits;
    const header = await this.#bytes(start, FRAME_HEADER_BYTES);
    if (!beginsFrame(header, this.#salt)) return undefined;
    const length = claimedFrameBytes(header);
    if (length > maxFrameBytes || start + length > validBytes) return undefined;
    const frame = await this.#ownBytes(start, length);
    const entry = frame.length === length ? decodeFrame(frame) : undefined;
    return entry === undefined ? undefined : { kind: 'frame', entry, start, end: start + length };
  }

  async #frameAfter(from: number): Promise<Frame | undefined> {
    for (let at = from; ; ) {
      const block = await this.#bytes(at, BLOCK_BYTES);
      if (block.length < SALT_BYTES) return undefined;
      for (let found = block.indexOf(this.#salt); found >= 0; found = block.indexOf(this.#salt, found + 1)) {
        const frame = await this.#frameAt(at + found);
        if (frame !== undefined) return frame;
      }
      at += block.length - (SALT_BYTES - 1);
    }
  }

  /** A view of at most a block; shorter at the end of what counts. */
  async #bytes(position: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.#limits.validBytes - position);
    const offset = position - this.#blockStart;
    if (offset < 0 || offset + wanted > this.#block.length) {
      this.#block = await readBytes(this.#file, position, Math.min(BLOCK_BYTES, this.#limits.validBytes - position));
      this.#blockStart = position;
    }
    const start = position - this.#blockStart;
    return this.#block.subarray(start, start + wanted);
  }

  async #ownBytes(position: number, length: number): Promise<Buffer> {
    if (length > BLOCK_BYTES) return readBytes(this.#file, position, length);
    const own = Buffer.from(new ArrayBuffer(length));
    return own.subarray(0, (await this.#bytes(position, length)).copy(own));
  }
}

/** Up to `length` bytes, in a buffer of their own; fewer at the end of the file. */
export async function readBytes(file: OpenFile, position: number, length: number): Promise<Buffer> {
  const target = Buffer.from(new ArrayBuffer(length));
  let filled = 0;
  while (filled < length) {
    const count = await file.read(target.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return target.subarray(0, filled);
}

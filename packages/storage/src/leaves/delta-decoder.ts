import type { Scratch } from '../parquet/scratch.ts';
import { UnknownForm } from './unknown-form.ts';

/*
 * Parquet's DELTA_BINARY_PACKED (https://parquet.apache.org/docs/file-format/data-pages/encodings/): the first value, then
 * differences in blocks. A block has its least difference and, in miniblocks of a bit width each, what the others are above
 * it. All arithmetic wraps around. Numbers of 64 bits are two halves, low and high, as they lie in little-endian memory.
 */

/** What a block and a miniblock of any writer are multiples of. */
const BLOCK_UNIT = 128;
const MINIBLOCK_UNIT = 32;
/** A few bytes may stand for very many equal differences. */
const MOST_VALUES = 2 ** 27;
/** The greatest width of which four bytes hold a value that starts at any bit of the first. */
const NARROW = 25;
/** How far behind a miniblock may be read, in vain. */
const SLACK_BYTES = 12;
/** A varint of 64 bits. */
const VARINT_BYTES = 10;

/**
 * Reads numbers of 32 bits.
 * @param at offset of the encoding in bytes
 * @param memory where the values are
 * @returns the values, and the offset behind the encoding in bytes
 * @throws UnknownForm for what is not such an encoding, ends early or has more than 2^27 values
 */
export function decodeDeltas32(
  bytes: Uint8Array,
  at: number,
  memory: Scratch,
): { readonly values: Int32Array; readonly end: number } {
  const reader = new DeltaReader(bytes, at, 32);
  const values = memory.int32(reader.count);
  if (reader.count > 0) values[0] = reader.low;
  for (let from = 1; from < reader.count; ) {
    reader.nextMiniblock();
    const to = Math.min(from + reader.miniblock, reader.count);
    add32(reader, values, from, to);
    from = to;
  }
  return { values, end: reader.at };
}

/** As {@link decodeDeltas32}, for numbers of 64 bits, by their halves, the lower first. */
export function decodeDeltas64(
  bytes: Uint8Array,
  at: number,
  memory: Scratch,
): { readonly halves: Int32Array; readonly end: number } {
  const reader = new DeltaReader(bytes, at, 64);
  const halves = memory.int32(2 * reader.count);
  if (reader.count > 0) {
    halves[0] = reader.low;
    halves[1] = reader.high;
  }
  for (let from = 1; from < reader.count; ) {
    reader.nextMiniblock();
    const to = Math.min(from + reader.miniblock, reader.count);
    if (reader.width > NARROW) addWide64(reader, halves, from, to);
    else addNarrow64(reader, halves, from, to);
    from = to;
  }
  return { halves, end: reader.at };
}

/** Goes from miniblock to miniblock. `low` and `high` are the first value, then the least difference of the block. */
class DeltaReader {
  view: DataView;
  readonly count: number;
  /** Values of a miniblock. */
  readonly miniblock: number;
  /** Where the miniblock's body is, of `width` bits a value. */
  body = 0;
  width = 0;
  /** Behind the miniblock. */
  at: number;
  low = 0;
  high = 0;
  readonly #bytes: Uint8Array;
  readonly #miniblocks: number;
  readonly #mostWidth: number;
  #widths = 0;
  #widthsEnd = 0;

  constructor(bytes: Uint8Array, at: number, mostWidth: number) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#bytes = bytes;
    this.#mostWidth = mostWidth;
    this.at = at;
    const block = this.#size();
    this.#miniblocks = this.#size();
    this.count = this.#size();
    this.miniblock = block / this.#miniblocks;
    this.#zigzag();
    const isLegal = block > 0 && block % BLOCK_UNIT === 0 && this.miniblock % MINIBLOCK_UNIT === 0;
    const leastBytes = Math.ceil((this.count - 1) / block) * (1 + this.#miniblocks);
    if (!isLegal || this.count > MOST_VALUES || leastBytes > bytes.length - this.at) throw damaged(at);
  }

  nextMiniblock(): void {
    if (this.#widths === this.#widthsEnd) this.#nextBlock();
    this.width = this.#bytes[this.#widths++]!;
    this.body = this.at;
    this.at += (this.miniblock / 8) * this.width;
    if (this.width > this.#mostWidth || this.at > this.#bytes.length) throw damaged(this.body);
    if (this.at + SLACK_BYTES > this.#bytes.length) this.#copyBody();
  }

  /** At the end of the bytes, to have something behind it. */
  #copyBody(): void {
    const copy = new Uint8Array(this.at - this.body + SLACK_BYTES);
    copy.set(this.#bytes.subarray(this.body, this.at));
    this.view = new DataView(copy.buffer);
    this.body = 0;
  }

  #nextBlock(): void {
    this.#zigzag();
    this.#widths = this.at;
    this.#widthsEnd = this.at += this.#miniblocks;
    if (this.at > this.#bytes.length) throw damaged(this.#widths);
  }

  #size(): number {
    this.#varint();
    if (this.high !== 0) throw damaged(this.at);
    return this.low >>> 0;
  }

  #zigzag(): void {
    this.#varint();
    const sign = -(this.low & 1);
    this.low = ((this.low >>> 1) | (this.high << 31)) ^ sign;
    this.high = (this.high >>> 1) ^ sign;
  }

  #varint(): void {
    this.low = 0;
    this.high = 0;
    for (let shift = 0; shift < 7 * VARINT_BYTES; shift += 7) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) break;
      const bits = byte & 127;
      if (shift < 32) this.low |= bits << shift;
      if (shift === 28) this.high = bits >>> 4;
      if (shift > 32) this.high |= bits << (shift - 32);
      if (byte < 128) return;
    }
    throw damaged(this.at);
  }
}

/*
 * A miniblock is whole words of 32 bits at any width. As JavaScript shifts by 32 as by 0, what may be shifted by 32 is
 * shifted by 1 first.
 */

function add32({ view, body, width, low }: DeltaReader, values: Int32Array, from: number, to: number): void {
  const mask = -1 >>> (32 - width);
  let sum = values[from - 1]!;
  let open = 0;
  let bits = 0;
  for (let i = from, at = body; i < to; i++) {
    let above = open;
    if (bits >= width) {
      open >>>= width;
      bits -= width;
    } else {
      const word = view.getInt32(at, true);
      at += 4;
      above |= word << bits;
      open = (word >>> 1) >>> (width - bits - 1);
      bits += 32 - width;
    }
    values[i] = sum = (sum + low + (above & mask)) | 0;
  }
}

/** For widths of at most {@link NARROW}. */
function addNarrow64(
  { view, body, width, low, high }: DeltaReader,
  halves: Int32Array,
  from: number,
  to: number,
): void {
  const mask = (1 << width) - 1;
  let sumLow = halves[2 * from - 2]!;
  let sumHigh = halves[2 * from - 1]!;
  for (let i = from, at = body, bits = 0; i < to; i++) {
    const delta = (low + ((view.getInt32(at, true) >>> bits) & mask)) | 0;
    sumLow = (sumLow + delta) | 0;
    sumHigh = (sumHigh + high + carry(delta, low) + carry(sumLow, delta)) | 0;
    halves[2 * i] = sumLow;
    halves[2 * i + 1] = sumHigh;
    bits += width;
    at += bits >>> 3;
    bits &= 7;
  }
}

/** For the others. */
function addWide64({ view, body, width, low, high }: DeltaReader, halves: Int32Array, from: number, to: number): void {
  const lowMask = width < 32 ? (1 << width) - 1 : -1;
  const highMask = width > 32 ? -1 >>> (64 - width) : 0;
  let sumLow = halves[2 * from - 2]!;
  let sumHigh = halves[2 * from - 1]!;
  for (let i = from, at = body, bits = 0; i < to; i++) {
    const middle = view.getInt32(at + 4, true);
    const aboveLow = (view.getInt32(at, true) >>> bits) | ((middle << 1) << (31 - bits));
    const aboveHigh = (middle >>> bits) | ((view.getInt32(at + 8, true) << 1) << (31 - bits));
    const delta = (low + (aboveLow & lowMask)) | 0;
    sumLow = (sumLow + delta) | 0;
    sumHigh = (sumHigh + high + (aboveHigh & highMask) + carry(delta, low) + carry(sumLow, delta)) | 0;
    halves[2 * i] = sumLow;
    halves[2 * i + 1] = sumHigh;
    bits += width;
    at += bits >>> 3;
    bits &= 7;
  }
}

/** Of an addition of 32 bits that gave `sum`, one of its terms being `term`. */
export function carry(sum: number, term: number): number {
  return sum >>> 0 < term >>> 0 ? 1 : 0;
}

function damaged(offset: number): UnknownForm {
  return new UnknownForm(`not packed differences, or their end is missing, offset=${offset}`);
}

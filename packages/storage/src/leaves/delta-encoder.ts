import { carry } from './delta-decoder.ts';

/** As Arrow writes it, and parquet-rs for 32 bits. */
const BLOCK = 128;
const MINIBLOCKS = 4;
const MINIBLOCK = BLOCK / MINIBLOCKS;
/** A varint of 64 bits. */
const VARINT_BYTES = 10;
/** The sizes of blocks, the count and the first value. */
const HEAD_BYTES = 4 * VARINT_BYTES;

/** @returns a view of memory that the next call uses anew */
export function encodeDeltas32(values: Int32Array): Uint8Array {
  const writer = new DeltaWriter(values.length, Int32Array.BYTES_PER_ELEMENT);
  const first = values[0] ?? 0;
  writer.zigzag(first, first >> 31);
  for (let from = 1; from < values.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, values.length);
    subtract32(writer, values, from, to);
    writer.block(to - from);
  }
  return writer.finish();
}

/** As {@link encodeDeltas32}, of numbers of 64 bits, by their halves, the lower first. */
export function encodeDeltas64(halves: Int32Array): Uint8Array {
  const count = halves.length / 2;
  const writer = new DeltaWriter(count, BigInt64Array.BYTES_PER_ELEMENT);
  writer.zigzag(halves[0] ?? 0, halves[1] ?? 0);
  for (let from = 1; from < count; from += BLOCK) {
    const to = Math.min(from + BLOCK, count);
    subtract64(writer, halves, from, to);
    writer.block(to - from);
  }
  return writer.finish();
}

/** Fills a block with differences, then takes the least of them away. */
function subtract32(writer: DeltaWriter, values: Int32Array, from: number, to: number): void {
  const { lows } = writer;
  let least = 0x7fffffff;
  let last = values[from - 1]!;
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    const delta = (value - last) | 0;
    if (delta < least) least = delta;
    lows[i - from] = delta;
    last = value;
  }
  for (let i = 0; i < to - from; i++) lows[i]! -= least;
  writer.zigzag(least, least >> 31);
}

/** As {@link subtract32}. */
function subtract64(writer: DeltaWriter, halves: Int32Array, from: number, to: number): void {
  const { lows, highs } = writer;
  let leastLow = -1;
  let leastHigh = 0x7fffffff;
  let lastLow = halves[2 * from - 2]!;
  let lastHigh = halves[2 * from - 1]!;
  for (let i = from; i < to; i++) {
    const low = halves[2 * i]!;
    const high = halves[2 * i + 1]!;
    const deltaLow = (low - lastLow) | 0;
    const deltaHigh = (high - lastHigh - carry(low, lastLow)) | 0;
    if (deltaHigh < leastHigh || (deltaHigh === leastHigh && deltaLow >>> 0 < leastLow >>> 0)) {
      leastLow = deltaLow;
      leastHigh = deltaHigh;
    }
    lows[i - from] = deltaLow;
    highs[i - from] = deltaHigh;
    lastLow = low;
    lastHigh = high;
  }
  for (let i = 0; i < to - from; i++) {
    const low = lows[i]!;
    lows[i] = low - leastLow;
    highs[i] = highs[i]! - leastHigh - carry(low, leastLow);
  }
  writer.zigzag(leastLow, leastHigh);
}

/** Of the last encoding. */
let written = new Uint8Array(0);

class DeltaWriter {
  /** The next block's differences above the least. Of numbers of 32 bits there are no high halves. */
  readonly lows: Int32Array = new Int32Array(BLOCK);
  readonly highs: Int32Array = new Int32Array(BLOCK);
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(count: number, valueBytes: number) {
    const mostBytes = HEAD_BYTES + Math.ceil(count / BLOCK) * (VARINT_BYTES + MINIBLOCKS + BLOCK * valueBytes);
    if (written.length < mostBytes) written = new Uint8Array(mostBytes);
    this.#bytes = written;
    this.#view = new DataView(this.#bytes.buffer);
    for (const size of [BLOCK, MINIBLOCKS, count]) this.#varint(size, 0);
  }

  zigzag(low: number, high: number): void {
    const sign = high >> 31;
    this.#varint((low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign);
  }

  /** The last miniblock is padded with the least difference. Behind it are none, just their widths. */
  block(count: number): void {
    this.lows.fill(0, count);
    this.highs.fill(0, count);
    const widths = this.#at;
    this.#bytes.fill(0, widths, (this.#at += MINIBLOCKS));
    for (let from = 0; from < count; from += MINIBLOCK) {
      const width = this.#widthAt(from);
      this.#bytes[widths + from / MINIBLOCK] = width;
      if (width > 32) packWide(this.#view, this.#at, this.lows, this.highs, from, width);
      else packNarrow(this.#view, this.#at, this.lows, from, width);
      this.#at += (MINIBLOCK / 8) * width;
    }
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Bits of the greatest in a miniblock. */
  #widthAt(from: number): number {
    const { lows, highs } = this;
    let low = 0;
    let high = 0;
    for (let i = from; i < from + MINIBLOCK; i++) {
      low |= lows[i]!;
      high |= highs[i]!;
    }
    return high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
  }

  #varint(low: number, high: number): void {
    while (high !== 0 || low >>> 0 > 127) {
      this.#bytes[this.#at++] = low | 128;
      low = (low >>> 7) | (high << 25);
      high >>>= 7;
    }
    this.#bytes[this.#at++] = low;
  }
}

function packNarrow(view: DataView, start: number, lows: Int32Array, from: number, width: number): void {
  let open = 0;
  let bits = 0;
  for (let i = from, at = start; i < from + MINIBLOCK; i++) {
    const value = lows[i]!;
    open |= value << bits;
    bits += width;
    if (bits < 32) continue;
    view.setInt32(at, open, true);
    at += 4;
    bits -= 32;
    open = (value >>> 1) >>> (width - bits - 1);
  }
}

/** For widths above 32. */
function packWide(
  view: DataView,
  start: number,
  lows: Int32Array,
  highs: Int32Array,
  from: number,
  width: number,
): void {
  let open = 0;
  let bits = 0;
  for (let i = from, at = start; i < from + MINIBLOCK; i++) {
    const low = lows[i]!;
    const high = highs[i]!;
    view.setInt32(at, open | (low << bits), true);
    at += 4;
    open = ((low >>> 1) >>> (31 - bits)) | (high << bits);
    bits += width - 32;
    if (bits < 32) continue;
    view.setInt32(at, open, true);
    at += 4;
    bits -= 32;
    open = (high >>> 1) >>> (width - 33 - bits);
  }
}

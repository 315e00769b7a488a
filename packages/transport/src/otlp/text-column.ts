import { isUtf8 } from 'node:buffer';
import type { ColumnData } from '@openwit/ports';
import type { BatchMemory } from './batch-memory.ts';
import type { Column } from './column-set.ts';
import type { ByteRange } from './fields.ts';
import { type ByteSource, MalformedWire, type WireReader } from './wire.ts';

/** Up to here a loop over the bytes in words is faster than `set(subarray())`, which makes an object. */
const SHORT_TEXT = 160;

/** The top bits of four bytes: set in what is not ASCII. */
const NOT_ASCII = 0x80808080;

/** The two digits of every byte, as one number whose low half comes first in memory. */
const HEX_PAIRS = Uint16Array.from({ length: 256 }, (_, byte) => {
  const digits = byte.toString(16).padStart(2, '0');
  return digits.charCodeAt(0) | (digits.charCodeAt(1) << 8);
});

/** UTF-8 text. What is written since the last {@link end} is the text of the row that ends. */
export class TextColumn implements Column, ByteSource {
  offsets: Int32Array;
  bytes: Uint8Array;
  view: DataView;
  /** Bytes written. */
  used = 0;
  readonly #memory: BatchMemory;

  constructor(memory: BatchMemory, capacity: number, expectedBytes: number) {
    this.#memory = memory;
    this.offsets = new Int32Array(memory.allocate((capacity + 1) * 4));
    this.bytes = new Uint8Array(memory.allocate(expectedBytes));
    this.view = new DataView(this.bytes.buffer);
  }

  end(row: number): void {
    this.offsets[row + 1] = this.used;
  }

  /** The whole text of a row, from bytes that have to be UTF-8. @throws MalformedWire */
  set(row: number, reader: WireReader, range: ByteRange): void {
    if (range.length !== 0) this.write(reader, range);
    this.offsets[row + 1] = this.used;
  }

  /** @throws MalformedWire when the bytes are not UTF-8 */
  write(reader: WireReader, { at, length }: ByteRange): void {
    if (length > SHORT_TEXT) {
      checkUtf8(reader.bytes, at, length);
      this.writeBytes(reader.bytes, at, length);
      return;
    }
    this.reserve(length);
    const seen = this.#copyShort(reader, at, at + length);
    if ((seen & NOT_ASCII) !== 0) checkUtf8(reader.bytes, at, length);
  }

  /** Four bytes at a time; returns all of them or-ed together. */
  #copyShort(reader: WireReader, start: number, end: number): number {
    const source = reader.view;
    const target = this.view;
    let seen = 0;
    let to = this.used;
    let from = start;
    for (; from + 4 <= end; from += 4) {
      const word = source.getInt32(from, true);
      target.setInt32(to, word, true);
      seen |= word;
      to += 4;
    }
    for (; from < end; from++) {
      const byte = source.getUint8(from);
      target.setUint8(to++, byte);
      seen |= byte;
    }
    this.used = to;
    return seen;
  }

  /** Bytes that are known to be UTF-8, or need not be. */
  writeBytes(source: Uint8Array, start: number, length: number): void {
    this.reserve(length);
    this.bytes.set(source.subarray(start, start + length), this.used);
    this.used += length;
  }

  /** The whole text of a row: bytes as lower-case hex. */
  setHex(row: number, source: Uint8Array, { at, length }: ByteRange): void {
    this.reserve(length * 2);
    const target = this.view;
    const end = at + length;
    let to = this.used;
    for (let from = at; from < end; from++) {
      target.setUint16(to, HEX_PAIRS[source[from]!]!, true);
      to += 2;
    }
    this.used = to;
    this.offsets[row + 1] = to;
  }

  /** One byte of a text that {@link reserve} made room for. */
  put(byte: number): void {
    this.bytes[this.used++] = byte;
  }

  /** ASCII text that code made: digits, base64, words. */
  writeAscii(text: string): void {
    this.reserve(text.length);
    for (let i = 0; i < text.length; i++) this.put(text.charCodeAt(i));
  }

  /** Makes room for as many bytes more. */
  reserve(bytes: number): void {
    const needed = this.used + bytes;
    if (needed > this.bytes.length) {
      const capacity = Math.max(this.bytes.length * 2, needed);
      this.bytes = new Uint8Array(this.#memory.grow(this.bytes.buffer, capacity));
      this.view = new DataView(this.bytes.buffer);
    }
  }

  grow(capacity: number): void {
    this.offsets = new Int32Array(this.#memory.grow(this.offsets.buffer, (capacity + 1) * 4));
  }

  truncate(rows: number): void {
    this.used = this.offsets[rows]!;
  }

  data(length: number): ColumnData {
    return { length, offsets: this.offsets, values: this.bytes };
  }

  byteLength(rows: number): number {
    return (rows + 1) * 4 + this.used;
  }
}

/** proto3 strings are UTF-8; nothing else may come into a Parquet file. @throws MalformedWire */
export function checkUtf8(source: Uint8Array, start: number, length: number): void {
  if (!isUtf8(source.subarray(start, start + length))) throw new MalformedWire(start, 'a string is not UTF-8');
}

import { freeBuffer } from '@openwit/ports';

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_LENGTH = 2;
const WIRE_FIXED32 = 5;

/** The writer may hold no more bytes. */
export class ProtobufFull extends Error {}

/**
 * Writes protobuf. A message's length stands before it and is known only behind it: one byte is left for it, and the few
 * messages that need more are moved up.
 */
export class ProtobufWriter {
  readonly #maxBytes: number;
  #bytes: Buffer;
  #length = 0;

  constructor(expectedBytes: number, maxBytes: number = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes;
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(16, Math.min(expectedBytes, maxBytes)));
  }

  /** Starts a message, a string or bytes; {@link end} takes what this returns. */
  begin(field: number): number {
    this.#tag(field, WIRE_LENGTH);
    this.reserve(1);
    return ++this.#length;
  }

  end(start: number): void {
    const length = this.#length - start;
    if (length < 0x80) {
      this.#bytes[start - 1] = length;
      return;
    }
    const width = varintWidth(length);
    this.reserve(width - 1);
    this.#bytes.copyWithin(start + width - 1, start, this.#length);
    this.#length = start - 1;
    this.#varint(length);
    this.#length += length;
  }

  string(field: number, value: string): void {
    const start = this.begin(field);
    this.text(value);
    this.end(start);
  }

  bytes(field: number, value: Uint8Array): void {
    const start = this.begin(field);
    this.append(value, 0, value.length);
    this.end(start);
  }

  /** A part of a string that was begun. */
  text(value: string): void {
    this.reserve(Buffer.byteLength(value));
    this.#length += this.#bytes.write(value, this.#length, 'utf8');
  }

  /** A part of a string or of bytes that were begun. */
  append(source: Uint8Array, from: number, to: number): void {
    this.reserve(to - from);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = from; i < to; i++) bytes[at++] = source[i]!;
    this.#length = at;
  }

  /** Takes negative values too: ten bytes, as protobuf has them. */
  varint(field: number, value: bigint): void {
    this.#tag(field, WIRE_VARINT);
    let rest = BigInt.asUintN(64, value);
    while (rest > 0xffff_ffffn) {
      this.#byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#varint(Number(rest));
  }

  fixed64(field: number, value: bigint): void {
    this.#tag(field, WIRE_FIXED64);
    this.reserve(8);
    this.#length = this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, value), this.#length);
  }

  fixed32(field: number, value: number): void {
    this.#tag(field, WIRE_FIXED32);
    this.reserve(4);
    this.#length = this.#bytes.writeUInt32LE(value, this.#length);
  }

  double(field: number, value: number): void {
    this.#tag(field, WIRE_FIXED64);
    this.reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  /** Of at most 32 bits. */
  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Makes room for so many bytes more. @throws ProtobufFull */
  reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    if (needed > this.#maxBytes) throw new ProtobufFull(`protobuf is larger than ${this.#maxBytes} bytes`);
    const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(this.#bytes.length * 2, needed), this.#maxBytes));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.free();
    this.#bytes = grown;
  }

  /** What was written, until the writer is used or freed. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What was written, in a buffer of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.written);
  }

  /** Frees the memory now, not when it is collected; the writer is of no use any more. */
  free(): void {
    freeBuffer(this.#bytes);
  }
}

function varintWidth(value: number): number {
  let width = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) width++;
  return width;
}

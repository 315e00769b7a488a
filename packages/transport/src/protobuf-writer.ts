const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_LENGTH = 2;
const WIRE_FIXED32 = 5;

/**
 * Writes protobuf from the last byte to the first, so that the length of a message is known when it is written. Call
 * it with the last field first.
 */
export class ProtobufWriter {
  #bytes: Buffer;
  /** Where the written bytes start; they end with the buffer. */
  #at: number;

  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafe(expectedBytes);
    this.#at = expectedBytes;
  }

  /** How much was written: what {@link message} needs to know of the moment before the message's fields. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** Closes a message of which the fields were written since `lengthBefore`. */
  message(field: number, lengthBefore: number): void {
    this.#varint(BigInt(this.length - lengthBefore));
    this.#tag(field, WIRE_LENGTH);
  }

  string(field: number, value: string): void {
    const length = Buffer.byteLength(value);
    const start = this.#reserve(length);
    this.#bytes.write(value, start, length, 'utf8');
    this.#varint(BigInt(length));
    this.#tag(field, WIRE_LENGTH);
  }

  bytes(field: number, value: Uint8Array): void {
    const start = this.#reserve(value.length);
    this.#bytes.set(value, start);
    this.#varint(BigInt(value.length));
    this.#tag(field, WIRE_LENGTH);
  }

  /** Takes negative values too: ten bytes, as protobuf has them. */
  varint(field: number, value: bigint): void {
    this.#varint(BigInt.asUintN(64, value));
    this.#tag(field, WIRE_VARINT);
  }

  fixed64(field: number, value: bigint): void {
    const start = this.#reserve(8);
    this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, value), start);
    this.#tag(field, WIRE_FIXED64);
  }

  fixed32(field: number, value: number): void {
    const start = this.#reserve(4);
    this.#bytes.writeUInt32LE(value, start);
    this.#tag(field, WIRE_FIXED32);
  }

  double(field: number, value: number): void {
    const start = this.#reserve(8);
    this.#bytes.writeDoubleLE(value, start);
    this.#tag(field, WIRE_FIXED64);
  }

  #tag(field: number, wireType: number): void {
    this.#varint(BigInt(field * 8 + wireType));
  }

  #varint(value: bigint): void {
    const groups: number[] = [];
    let rest = value;
    do {
      groups.push(Number(rest & 0x7fn));
      rest >>= 7n;
    } while (rest > 0n);
    const start = this.#reserve(groups.length);
    groups.forEach((bits, i) => {
      this.#bytes[start + i] = i < groups.length - 1 ? bits | 0x80 : bits;
    });
  }

  /** Makes room before what is written, and returns where it starts. It may replace the buffer: call it first. */
  #reserve(length: number): number {
    if (length > this.#at) this.#grow(length);
    this.#at -= length;
    return this.#at;
  }

  #grow(length: number): void {
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.length + length));
    this.#bytes.copy(grown, grown.length - this.length, this.#at);
    this.#at += grown.length - this.#bytes.length;
    this.#bytes = grown;
  }

  /** What was written, in a buffer of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.subarray(this.#at));
  }
}

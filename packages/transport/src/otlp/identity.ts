import type { ByteRange } from './fields.ts';
import type { ByteSource } from './wire.ts';

/** The bytes that make an entry of a group what it is, in one piece to look it up by. */
export class Identity implements ByteSource {
  bytes: Uint8Array = new Uint8Array(1024);
  view: DataView = new DataView(this.bytes.buffer);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  add(source: Uint8Array, { at, length }: ByteRange): void {
    this.#reserve(length);
    // Names are short: a view of each would cost more than its bytes.
    for (let i = 0; i < length; i++) this.bytes[this.length++] = source[at + i]!;
  }

  /** Four bytes: the length of a part keeps apart what would be equal when put together. */
  addNumber(value: number): void {
    this.#reserve(4);
    for (let shift = 0; shift < 32; shift += 8) this.bytes[this.length++] = value >>> shift;
  }

  #reserve(length: number): void {
    const needed = this.length + length;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(needed * 2);
    larger.set(this.bytes);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}

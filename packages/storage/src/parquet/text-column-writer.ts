import type { ColumnData } from '@openwit/ports';
import { doubleText } from './double-text.ts';
import type { Scratch } from './scratch.ts';

const ZERO = 0x30;
const MINUS = 0x2d;
/** A copy of this many bytes costs less by a loop than by a call. */
const SHORT_TEXT = 32;

/** Writes a text column value by value into buffers whose size is known before. */
export class TextColumnWriter {
  readonly #offsets: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #validity: Uint8Array;
  #at = 0;
  #count = 0;
  #nulls = 0;

  /** @param maxBytes at least as much as will be written */
  constructor(values: number, maxBytes: number, memory: Scratch) {
    this.#offsets = memory.int32(values + 1);
    this.#bytes = memory.bytes(maxBytes);
    this.#validity = memory.bytes((values + 7) >> 3);
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    const at = this.#at;
    const length = end - start;
    if (length > SHORT_TEXT) this.#bytes.set(source.subarray(start, end), at);
    else for (let k = 0; k < length; k++) this.#bytes[at + k] = source[start + k]!;
    this.#at = at + length;
    this.#present();
  }

  ascii(text: string): void {
    for (let k = 0; k < text.length; k++) this.#bytes[this.#at++] = text.charCodeAt(k);
    this.#present();
  }

  int(value: bigint): void {
    const number = Number(value);
    if (Number.isSafeInteger(number)) this.#digits(number);
    else this.ascii(value.toString());
  }

  double(value: number): void {
    this.ascii(doubleText(value));
  }

  bool(value: boolean): void {
    this.ascii(value ? 'true' : 'false');
  }

  /** NULL. */
  none(): void {
    if (this.#nulls++ === 0) this.#validity.fill(0xff);
    const i = this.#count++;
    this.#validity[i >> 3]! &= ~(1 << (i & 7));
    this.#offsets[i + 1] = this.#at;
  }

  finish(): ColumnData {
    const validity = this.#nulls === 0 ? {} : { validity: this.#validity };
    return { length: this.#count, ...validity, offsets: this.#offsets, values: this.#bytes.subarray(0, this.#at) };
  }

  #digits(value: number): void {
    let rest = Math.abs(value);
    if (value < 0) this.#bytes[this.#at++] = MINUS;
    let length = 1;
    for (let limit = 10; limit <= rest; limit *= 10) length++;
    for (let k = this.#at + length - 1; k >= this.#at; k--) {
      const tenth = Math.floor(rest / 10);
      this.#bytes[k] = ZERO + rest - 10 * tenth;
      rest = tenth;
    }
    this.#at += length;
    this.#present();
  }

  #present(): void {
    this.#offsets[++this.#count] = this.#at;
  }
}

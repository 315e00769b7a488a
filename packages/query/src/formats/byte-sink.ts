/** A chunk is handed on when it is at least this long. */
const CHUNK_BYTES = 64 * 1024;

/** Text as UTF-8 bytes, written in place and taken in chunks. */
export class ByteSink {
  #bytes = new Uint8Array(2 * CHUNK_BYTES);
  #length = 0;

  get isFull(): boolean {
    return this.#length >= CHUNK_BYTES;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Text of ASCII characters only. */
  ascii(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  bytes(source: Uint8Array): void {
    this.#reserve(source.length);
    this.#bytes.set(source, this.#length);
    this.#length += source.length;
  }

  /** `source[start, end)`, UTF-8, as a JSON string with its quotes. */
  jsonString(source: Uint8Array, start: number, end: number): void {
    this.#reserve(6 * (end - start) + 2); // a control character becomes six
    const out = this.#bytes;
    let to = this.#length;
    out[to++] = QUOTE;
    for (let i = start; i < end; i++) {
      const byte = source[i]!;
      if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) {
        out[to++] = byte;
        continue;
      }
      out[to++] = BACKSLASH;
      const short = ESCAPES[byte];
      if (short !== undefined) {
        out[to++] = short;
        continue;
      }
      out[to++] = 0x75; // u
      out[to++] = 0x30;
      out[to++] = 0x30;
      out[to++] = HEX.charCodeAt(byte >> 4);
      out[to++] = HEX.charCodeAt(byte & 15);
    }
    out[to++] = QUOTE;
    this.#length = to;
  }

  /** What was written since the last time. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #reserve(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const HEX = '0123456789abcdef';
const ESCAPES: Readonly<Record<number, number>> = {
  [QUOTE]: QUOTE,
  [BACKSLASH]: BACKSLASH,
  8: 0x62,
  9: 0x74,
  10: 0x6e,
  12: 0x66,
  13: 0x72,
};

/** Length prefixes of messages are written in this many bytes before the length is known: varints may be padded. */
const LENGTH_BYTES = 4;
const MAX_ONE_BYTE = 127;
/** Below this many characters a loop is faster than the call into the engine. */
const SHORT_TEXT = 48;

/** Protobuf bytes, appended to one growing buffer. */
export class ProtobufWriter {
  #bytes = new Uint8Array(64 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** Where the next byte goes, to go back to. */
  mark(): number {
    return this.#at;
  }

  /** Forgets what was written since the mark. */
  rewind(mark: number): void {
    this.#at = mark;
  }

  /** The bytes as a copy that owns its buffer; the writer is empty again. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#at);
    this.#at = 0;
    return taken;
  }

  /** Starts an embedded message; give what it returns to {@link end}. */
  begin(field: number): number {
    this.#reserve(16);
    this.#varint((field << 3) | 2);
    this.#at += LENGTH_BYTES;
    return this.#at;
  }

  end(start: number): void {
    const length = this.#at - start;
    const bytes = this.#bytes;
    bytes[start - 4] = (length & 127) | 128;
    bytes[start - 3] = ((length >>> 7) & 127) | 128;
    bytes[start - 2] = ((length >>> 14) & 127) | 128;
    bytes[start - 1] = (length >>> 21) & 127;
  }

  uint32(field: number, value: number): void {
    this.#reserve(16);
    this.#varint((field << 3) | 0);
    this.#varint(value >>> 0);
  }

  /** A signed 64-bit integer, as `int64`: negative numbers take ten bytes. */
  int64(field: number, value: number): void {
    this.#reserve(24);
    this.#varint((field << 3) | 0);
    if (value >= 0 && value <= 0xffffffff) {
      this.#varint(value);
      return;
    }
    for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
      if (rest < 128n) {
        this.#bytes[this.#at++] = Number(rest);
        return;
      }
      this.#bytes[this.#at++] = Number(rest & 127n) | 128;
    }
  }

  double(field: number, value: number): void {
    this.#reserve(24);
    this.#varint((field << 3) | 1);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  fixed32(field: number, value: number): void {
    this.#reserve(16);
    this.#varint((field << 3) | 5);
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  /** `[seconds, nanoseconds]` as nanoseconds in a fixed64, exactly: 10⁹ is 1,953,125 × 512. */
  time(field: number, time: readonly [number, number]): void {
    this.#reserve(24);
    this.#varint((field << 3) | 1);
    const part = time[0] * 1_953_125;
    const low = (part % 8_388_608) * 512 + time[1];
    this.#view.setUint32(this.#at, low >>> 0, true);
    this.#view.setUint32(this.#at + 4, Math.floor(part / 8_388_608) + Math.floor(low / 4_294_967_296), true);
    this.#at += 8;
  }

  /** Bytes given as hex digits. */
  hex(field: number, digits: string): void {
    const length = digits.length >> 1;
    this.#reserve(length + 16);
    this.#varint((field << 3) | 2);
    this.#varint(length);
    for (let i = 0; i < length; i++) {
      this.#bytes[this.#at++] = (hexValue(digits.charCodeAt(2 * i)) << 4) | hexValue(digits.charCodeAt(2 * i + 1));
    }
  }

  bytes(field: number, value: Uint8Array): void {
    this.#reserve(value.length + 16);
    this.#varint((field << 3) | 2);
    this.#varint(value.length);
    this.raw(value);
  }

  /** Bytes that are protobuf already. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    if (value.length > SHORT_TEXT) this.#bytes.set(value, this.#at);
    else for (let i = 0; i < value.length; i++) this.#bytes[this.#at + i] = value[i]!;
    this.#at += value.length;
  }

  text(field: number, value: string): void {
    this.#reserve(3 * value.length + 16);
    this.#varint((field << 3) | 2);
    if (value.length <= SHORT_TEXT && this.#shortAscii(value)) return;
    const start = this.#at;
    const length = this.#utf8(value, start + 5);
    this.#varint(length);
    if (this.#at !== start + 5) this.#bytes.copyWithin(this.#at, start + 5, start + 5 + length);
    this.#at += length;
  }

  /** A field that holds only a short ASCII text in a message in a message, as attributes do; false when it is not. */
  shortTextAttribute(field: number, key: Uint8Array, value: string): boolean {
    const anyLength = value.length + 2;
    const length = key.length + 2 + anyLength;
    if (length > MAX_ONE_BYTE || value.length > SHORT_TEXT) return false;
    this.#reserve(length + 16);
    const start = this.#at;
    this.#varint((field << 3) | 2);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = length;
    for (let i = 0; i < key.length; i++) bytes[at++] = key[i]!;
    bytes[at++] = 0x12;
    bytes[at++] = anyLength;
    bytes[at++] = 0x0a;
    this.#at = at;
    if (this.#shortAscii(value)) return true;
    this.#at = start;
    return false;
  }

  /** Length and text in one pass, or nothing when a character needs more than one byte. */
  #shortAscii(value: string): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = value.length;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) return false;
      bytes[at++] = code;
    }
    this.#at = at;
    return true;
  }

  #utf8(value: string, at: number): number {
    return ENCODER.encodeInto(value, this.#bytes.subarray(at)).written;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + bytes));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

const ENCODER = new TextEncoder();

function hexValue(code: number): number {
  return code <= 57 ? code - 48 : (code | 32) - 87;
}

/** Bytes that are not protobuf. `append` turns it into MALFORMED_OTLP with the name of the field at `offset`. */
export class MalformedWire extends Error {
  readonly offset: number;

  constructor(offset: number, problem: string) {
    super(problem);
    this.offset = offset;
  }
}

/**
 * Groups, and arrays and maps, inside each other deeper than this are malformed: recursion must not reach the stack's end.
 * It is protobuf's own limit (https://protobuf.dev/programming-guides/proto-limits), which counts two or three messages for
 * each of ours.
 */
export const MAX_DEPTH = 100;

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_LENGTH = 2;
const WIRE_START_GROUP = 3;
const WIRE_END_GROUP = 4;
const WIRE_FIXED32 = 5;

/** Bytes with a view over them: by it they are compared and copied four at a time. */
export interface ByteSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/**
 * Reads the protobuf wire format (https://protobuf.dev/programming-guides/encoding) without making a value per field:
 * 64-bit integers arrive in `lo` and `hi`, strings and messages as a position and a length.
 *
 * `end` bounds the message being read: no read goes past it, whatever the lengths say.
 */
export class WireReader implements ByteSource {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  at = 0;
  end = 0;
  /** The halves of the last 64-bit value, as signed 32-bit integers. */
  lo = 0;
  hi = 0;

  open(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    this.end = bytes.byteLength;
  }

  /** The next tag, field number and wire type together. The caller has checked that `at` is before `end`. */
  tag(): number {
    const first = this.bytes[this.at]!;
    if (first < 0x80 && first > 7) {
      this.at++;
      return first;
    }
    return this.#longTag();
  }

  #longTag(): number {
    const start = this.at;
    this.varint();
    if (this.hi !== 0) throw new MalformedWire(start, 'a field number is out of range');
    const tag = this.lo >>> 0;
    if (tag >>> 3 === 0) throw new MalformedWire(start, 'field number 0 does not exist');
    return tag;
  }

  /** Reads a length and checks that as many bytes follow; `at` is then at the first of them. */
  length(): number {
    const start = this.at;
    if (start < this.end) {
      const first = this.bytes[start]!;
      if (first < 0x80) {
        this.at = start + 1;
        if (first > this.end - this.at) throw this.#tooLong(start, first);
        return first;
      }
    }
    this.varint();
    const length = this.lo >>> 0;
    if (this.hi !== 0 || length > this.end - this.at) throw this.#tooLong(start, this.hi * 2 ** 32 + length);
    return length;
  }

  #tooLong(start: number, length: number): MalformedWire {
    return new MalformedWire(start, `a length of ${length} bytes exceeds the ${this.end - this.at} that are left`);
  }

  /** Enters a length-delimited message. Returns the end of the outer one for {@link leave}. */
  enter(): number {
    const length = this.length();
    const outer = this.end;
    this.end = this.at + length;
    return outer;
  }

  leave(outer: number): void {
    this.end = outer;
  }

  varint(): void {
    const start = this.at;
    const { bytes, end } = this;
    if (start < end) {
      const first = bytes[start]!;
      if (first < 0x80) {
        this.at = start + 1;
        this.lo = first;
        this.hi = 0;
        return;
      }
    }
    let lo = 0;
    let hi = 0;
    for (let i = 0; i < 10; i++) {
      if (start + i >= end) throw new MalformedWire(start, 'a varint is cut off');
      const byte = bytes[start + i]!;
      const bits = byte & 0x7f;
      if (i < 4) lo |= bits << (7 * i);
      else if (i === 4) {
        lo |= bits << 28;
        hi = bits >> 4;
      } else hi |= bits << (7 * i - 32);
      if (byte < 0x80) {
        this.at = start + i + 1;
        this.lo = lo;
        this.hi = hi;
        return;
      }
    }
    throw new MalformedWire(start, 'a varint is longer than 10 bytes');
  }

  /** A varint of which 32 bits count: uint32, int32 and enums. Signed. */
  varint32(): number {
    this.varint();
    return this.lo;
  }

  /** Zigzag: sint32. */
  sint32(): number {
    this.varint();
    return (this.lo >>> 1) ^ -(this.lo & 1);
  }

  bool(): boolean {
    this.varint();
    return (this.lo | this.hi) !== 0;
  }

  fixed64(): void {
    const { at } = this;
    if (this.end - at < 8) throw new MalformedWire(at, 'a 64-bit value is cut off');
    this.lo = this.view.getInt32(at, true);
    this.hi = this.view.getInt32(at + 4, true);
    this.at = at + 8;
  }

  /** Signed. */
  fixed32(): number {
    const { at } = this;
    if (this.end - at < 4) throw new MalformedWire(at, 'a 32-bit value is cut off');
    this.at = at + 4;
    return this.view.getInt32(at, true);
  }

  double(): number {
    const { at } = this;
    if (this.end - at < 8) throw new MalformedWire(at, 'a double is cut off');
    this.at = at + 8;
    return this.view.getFloat64(at, true);
  }

  /** Passes over the value of a field that nobody reads. */
  skip(tag: number): void {
    this.#skip(tag, 0);
  }

  #skip(tag: number, depth: number): void {
    switch (tag & 7) {
      case WIRE_VARINT:
        this.varint();
        return;
      case WIRE_FIXED64:
        this.fixed64();
        return;
      case WIRE_LENGTH: {
        const length = this.length();
        this.at += length;
        return;
      }
      case WIRE_START_GROUP:
        this.#skipGroup(tag, depth + 1);
        return;
      case WIRE_FIXED32:
        this.fixed32();
        return;
      case WIRE_END_GROUP:
        throw new MalformedWire(this.at, 'a group ends that did not start');
      default:
        throw new MalformedWire(this.at, `unknown wire type ${tag & 7}`);
    }
  }

  #skipGroup(startTag: number, depth: number): void {
    const start = this.at;
    if (depth > MAX_DEPTH) throw new MalformedWire(start, 'groups are nested too deep');
    const endTag = startTag - WIRE_START_GROUP + WIRE_END_GROUP;
    while (this.at < this.end) {
      const tag = this.tag();
      if (tag === endTag) return;
      this.#skip(tag, depth);
    }
    throw new MalformedWire(start, 'a group does not end');
  }
}

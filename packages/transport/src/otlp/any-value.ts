import type { AttributeType } from '@openwit/ports';
import { ByteRange } from './fields.ts';
import type { WireReader } from './wire.ts';

/** The codes of {@link AttributeType}: indexes into ATTRIBUTE_TYPES. */
export const VALUE_TYPE: Readonly<Record<AttributeType, number>> = {
  string: 0,
  int: 1,
  double: 2,
  bool: 3,
  bytes: 4,
  array: 5,
  map: 6,
  empty: 7,
};

const { string: STRING, int: INT, double: DOUBLE, bool: BOOL, bytes: BYTES, array: ARRAY, map: MAP } = VALUE_TYPE;
const EMPTY = VALUE_TYPE.empty;

/** An AnyValue as it lies in the request. One object is read into again and again. */
export class AnyValue {
  type: number = EMPTY;
  /** The halves of an int, of a double's bits, or 0 and 1 for a bool. */
  lo = 0;
  hi = 0;
  /** The bytes of a string, bytes, array or map. */
  readonly bytes: ByteRange = new ByteRange();

  clear(): void {
    this.#set(EMPTY, 0, 0);
  }

  /** Reads a length-delimited AnyValue. The value is a oneof: the last one wins. */
  read(reader: WireReader): void {
    const outer = reader.enter();
    this.clear();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case 0x0a:
          this.#readBytes(reader, STRING);
          break;
        case 0x10:
          this.#set(BOOL, reader.bool() ? 1 : 0, 0);
          break;
        case 0x18:
          reader.varint();
          this.#set(INT, reader.lo, reader.hi);
          break;
        case 0x21:
          reader.fixed64();
          this.#set(DOUBLE, reader.lo, reader.hi);
          break;
        case 0x2a:
          this.#readBytes(reader, ARRAY);
          break;
        case 0x32:
          this.#readBytes(reader, MAP);
          break;
        case 0x3a:
          this.#readBytes(reader, BYTES);
          break;
        default:
          reader.skip(tag);
      }
    }
    reader.leave(outer);
  }

  #set(type: number, lo: number, hi: number): void {
    this.type = type;
    this.lo = lo;
    this.hi = hi;
    this.bytes.length = 0;
  }

  #readBytes(reader: WireReader, type: number): void {
    this.type = type;
    this.lo = 0;
    this.hi = 0;
    this.bytes.read(reader);
  }
}

/** A KeyValue as it lies in the request. */
export class KeyValue {
  readonly key: ByteRange = new ByteRange();
  readonly value: AnyValue = new AnyValue();

  /** Reads a length-delimited KeyValue; of repeated fields the last one wins. */
  read(reader: WireReader): void {
    const outer = reader.enter();
    this.key.clear();
    let hasValue = false;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x0a) {
        this.key.read(reader);
      } else if (tag === 0x12) {
        this.value.read(reader);
        hasValue = true;
      } else {
        reader.skip(tag);
      }
    }
    if (!hasValue) this.value.clear();
    reader.leave(outer);
  }
}

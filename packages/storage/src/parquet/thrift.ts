import { OpenWitError } from '@openwit/ports';

/**
 * Thrift's compact protocol, as far as Parquet uses it
 * (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). A struct is read whole, what this
 * code knows nothing of too, and written as it was: only what is meant to change changes. `encoded` is a struct as bytes.
 */
export type ThriftValue =
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'byte'; readonly value: number }
  | { readonly type: 'i16' | 'i32' | 'i64'; readonly value: number }
  | { readonly type: 'double'; readonly bytes: Uint8Array }
  | { readonly type: 'binary'; readonly bytes: Uint8Array }
  | { readonly type: 'list' | 'set'; readonly element: number; readonly values: readonly ThriftValue[] }
  | { readonly type: 'encoded'; readonly bytes: Uint8Array }
  | ThriftStruct;

/** Fields at their ids, of which Parquet has few and small ones. */
export interface ThriftStruct {
  readonly type: 'struct';
  readonly fields: readonly (ThriftValue | undefined)[];
}

const TRUE = 1;
const FALSE = 2;
const TYPES = ['', 'bool', 'bool', 'byte', 'i16', 'i32', 'i64', 'double', 'binary', 'list', 'set', 'map', 'struct'];
const CODES = {
  bool: TRUE,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  struct: 12,
  encoded: 12,
};
/** A list of more elements than this has its length behind its head. */
const SHORT_LIST = 14;
/** Far above what Parquet nests; without it damaged bytes could exhaust the stack. */
const DEEPEST = 32;
const GREATEST_ID = 32767;
const EMPTY: ThriftStruct = { type: 'struct', fields: [] };

/** Reads the struct that starts at `at`. @throws data / STORE_CORRUPTION */
export function readThrift(bytes: Uint8Array, at = 0): { readonly struct: ThriftStruct; readonly end: number } {
  const reader = new ThriftReader(bytes, at);
  const struct = reader.struct(0);
  return { struct, end: reader.at };
}

export function writeThrift(struct: ThriftStruct): Uint8Array<ArrayBuffer> {
  const writer = new ThriftWriter();
  writer.struct(struct);
  return writer.finish();
}

type Fields = Readonly<Record<number, ThriftValue | undefined>>;

export function thriftStruct(fields: Fields): ThriftStruct {
  return withFields(EMPTY, fields);
}

/** The struct with some fields replaced; `undefined` takes one away. */
export function withFields({ fields }: ThriftStruct, changes: Fields): ThriftStruct {
  const changed = fields.slice();
  for (const id in changes) changed[id as unknown as number] = changes[id];
  return { type: 'struct', fields: changed };
}

export function integer({ fields }: ThriftStruct, id: number): number | undefined {
  const value = fields[id];
  return value !== undefined && 'value' in value ? Number(value.value) : undefined;
}

export function structsIn({ fields }: ThriftStruct, id: number): readonly ThriftStruct[] {
  const list = fields[id];
  return list?.type === 'list' ? (list.values as readonly ThriftStruct[]) : [];
}

export function i32(value: number): ThriftValue {
  return { type: 'i32', value };
}

export function i64(value: number): ThriftValue {
  return { type: 'i64', value };
}

export function binary(text: string): ThriftValue {
  return { type: 'binary', bytes: Buffer.from(text) };
}

export function i32List(values: readonly number[]): ThriftValue {
  return { type: 'list', element: CODES.i32, values: values.map(i32) };
}

export function structList(values: readonly ThriftValue[]): ThriftValue {
  return { type: 'list', element: CODES.struct, values };
}

class ThriftReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  struct(depth: number): ThriftStruct {
    if (depth > DEEPEST) throw damaged(this.at);
    const fields: ThriftValue[] = [];
    for (let id = 0; ; ) {
      const head = this.#byte();
      if (head === 0) return { type: 'struct', fields };
      const delta = head >> 4;
      id = delta === 0 ? this.#zigzag() : id + delta;
      if (id < 1 || id > GREATEST_ID) throw damaged(this.at);
      const code = head & 15;
      if (code === TRUE || code === FALSE) fields[id] = { type: 'bool', value: code === TRUE };
      else fields[id] = this.#value(code, depth + 1);
    }
  }

  #value(code: number, depth: number): ThriftValue {
    const type = TYPES[code];
    switch (type) {
      case 'bool':
        return { type, value: this.#byte() === TRUE };
      case 'byte':
        return { type, value: this.#byte() };
      case 'i16':
      case 'i32':
      case 'i64':
        return { type, value: this.#zigzag() };
      case 'double':
        return { type, bytes: this.#take(8) };
      case 'binary':
        return { type, bytes: this.#take(this.#varint()) };
      case 'list':
      case 'set':
        return this.#list(type, depth);
      case 'struct':
        return this.struct(depth);
      default:
        throw damaged(this.at);
    }
  }

  #list(type: 'list' | 'set', depth: number): ThriftValue {
    const head = this.#byte();
    const length = head >> 4 > SHORT_LIST ? this.#varint() : head >> 4;
    if (length > this.#bytes.length - this.at) throw damaged(this.at);
    const element = head & 15;
    return { type, element, values: Array.from({ length }, () => this.#value(element, depth)) };
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw damaged(this.at);
    return byte;
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.at) throw damaged(this.at);
    return this.#bytes.subarray(this.at, (this.at += length));
  }

  /** Offsets and sizes: what a number does not hold exactly is in no file. */
  #varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw damaged(this.at);
      if (byte < 128) return value;
    }
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

class ThriftWriter {
  #bytes = Buffer.alloc(1024);
  #at = 0;

  struct({ fields }: ThriftStruct): void {
    let last = 0;
    for (let id = 1; id < fields.length; id++) {
      const value = fields[id];
      if (value === undefined) continue;
      const code = value.type === 'bool' && !value.value ? FALSE : CODES[value.type];
      const delta = id - last;
      this.#byte(delta < 16 ? (delta << 4) | code : code);
      if (delta > 15) this.#zigzag(id);
      if (value.type !== 'bool') this.#value(value);
      last = id;
    }
    this.#byte(0);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }

  #value(value: ThriftValue): void {
    switch (value.type) {
      case 'bool':
        this.#byte(value.value ? TRUE : FALSE);
        break;
      case 'byte':
        this.#byte(value.value);
        break;
      case 'i16':
      case 'i32':
      case 'i64':
        this.#zigzag(value.value);
        break;
      case 'double':
      case 'encoded':
        this.#put(value.bytes);
        break;
      case 'binary':
        this.#varint(value.bytes.length);
        this.#put(value.bytes);
        break;
      case 'list':
      case 'set':
        this.#list(value.element, value.values);
        break;
      case 'struct':
        this.struct(value);
        break;
    }
  }

  #list(element: number, values: readonly ThriftValue[]): void {
    this.#byte((Math.min(values.length, SHORT_LIST + 1) << 4) | element);
    if (values.length > SHORT_LIST) this.#varint(values.length);
    for (const value of values) this.#value(value);
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = byte;
  }

  #put(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #varint(value: number): void {
    for (; value > 127; value = Math.floor(value / 128)) this.#byte((value % 128) | 128);
    this.#byte(value);
  }

  #zigzag(value: number): void {
    this.#varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(this.#at + bytes, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

function damaged(offset: number): OpenWitError {
  return new OpenWitError('data', 'STORE_CORRUPTION', `damaged Parquet metadata, offset=${offset}`, {
    details: { offset },
  });
}

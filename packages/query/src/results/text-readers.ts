import { type DuckDBBlobValue, type DuckDBType, DuckDBTypeId, DuckDBVector } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { ENTRY_BYTES, INLINE_BYTES } from '../memory/string-writer.ts';
import { type ColumnBuffers, GrowingBytes } from './column-buffers.ts';
import type { Rows, VectorReader } from './rows.ts';
import { column } from './scalar-readers.ts';
import { ValidityBuilder } from './validity-builder.ts';

/** Offsets and bytes of a column of text or blobs. */
class TextBuilder {
  readonly data = new GrowingBytes();
  readonly validity = new ValidityBuilder();
  readonly #ends = new GrowingBytes();

  /** Room for the ends of `count` more values. */
  ends(count: number): Int32Array {
    const at = this.#ends.grow(4 * count);
    return new Int32Array(this.#ends.bytes.buffer, at, count);
  }

  take(): ColumnBuffers {
    const ends = new Int32Array(this.#ends.take().buffer);
    const offsets = new Int32Array(ends.length + 1);
    offsets.set(ends, 1);
    return column(ends.length, this.validity, { offsets, values: this.data.take() });
  }

  get bytes(): number {
    return this.#ends.length + this.data.length;
  }
}

/**
 * VARCHAR and BLOB by the layout of their 16-byte entries. Strings that are neighbours in DuckDB's heap come in one call.
 * See "Buffers between DuckDB and JavaScript" in the design.
 */
export class TextReader implements VectorReader {
  readonly #text = new TextBuilder();
  readonly #pointer = new DataView(new ArrayBuffer(8));

  append(vector: duckdb.Vector, rows: Rows): void {
    const bitmap = this.#text.validity.append(vector, rows);
    const entries = duckdb.vector_get_data(vector, ENTRY_BYTES * rows.end);
    const words = new Uint32Array(entries.buffer, entries.byteOffset, 4 * rows.end);
    const ends = this.#text.ends(rows.count);
    const first = this.#text.data.length;
    let end = first;
    for (let i = 0; i < rows.count; i++) {
      const row = rows.at(i);
      // The entry of a null is garbage.
      const valid = bitmap === null || ((bitmap[row >> 3]! >> (row & 7)) & 1) === 1;
      ends[i] = end += valid ? words[4 * row]! : 0;
    }
    this.#text.data.grow(end - first);
    this.#copy(entries, words, ends, first, rows);
  }

  take(): ColumnBuffers {
    return this.#text.take();
  }

  get bytes(): number {
    return this.#text.bytes;
  }

  #copy(entries: Uint8Array, words: Uint32Array, ends: Int32Array, first: number, rows: Rows): void {
    const { bytes } = this.#text.data;
    let runAt = 0; // address
    let runTo = 0;
    let runLength = 0;
    for (let i = 0, to = first; i < rows.count; to = ends[i++]!) {
      const length = ends[i]! - to;
      if (length === 0) continue;
      const row = rows.at(i);
      if (length <= INLINE_BYTES) {
        for (let k = 0; k < length; k++) bytes[to + k] = entries[ENTRY_BYTES * row + 4 + k]!;
        continue;
      }
      const at = words[4 * row + 2]! + words[4 * row + 3]! * 2 ** 32;
      if (runLength > 0 && at === runAt + runLength && to === runTo + runLength) {
        runLength += length;
        continue;
      }
      this.#copyRun(runAt, runTo, runLength);
      runAt = at;
      runTo = to;
      runLength = length;
    }
    this.#copyRun(runAt, runTo, runLength);
  }

  #copyRun(at: number, to: number, length: number): void {
    if (length === 0) return;
    this.#pointer.setUint32(0, at % 2 ** 32, true);
    this.#pointer.setUint32(4, at / 2 ** 32, true);
    this.#text.data.bytes.set(duckdb.get_data_from_pointer(this.#pointer.buffer, 0, length), to);
  }
}

/** Value by value through DuckDB's own API: for types without a layout here, as the text that DuckDB gives them. */
export class PlainTextReader implements VectorReader {
  readonly #text = new TextBuilder();
  readonly #type: DuckDBType;

  constructor(type: DuckDBType) {
    this.#type = type;
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    this.#text.validity.append(vector, rows);
    const values = DuckDBVector.create(vector, rows.end, this.#type);
    const ends = this.#text.ends(rows.count);
    for (let i = 0; i < rows.count; i++) {
      const value = values.getItem(rows.at(i));
      if (value !== null) this.#text.data.append(this.#bytesOf(value));
      ends[i] = this.#text.data.length;
    }
  }

  take(): ColumnBuffers {
    return this.#text.take();
  }

  get bytes(): number {
    return this.#text.bytes;
  }

  #bytesOf(value: unknown): Uint8Array {
    return this.#type.typeId === DuckDBTypeId.BLOB ? (value as DuckDBBlobValue).bytes : Buffer.from(String(value));
  }
}

/** 128 bits with the top one inverted, so that they sort as signed numbers. */
export class UuidReader implements VectorReader {
  readonly #text = new TextBuilder();

  append(vector: duckdb.Vector, rows: Rows): void {
    this.#text.validity.append(vector, rows);
    const stored = Buffer.from(duckdb.vector_get_data(vector, 16 * rows.end));
    const ends = this.#text.ends(rows.count);
    for (let i = 0; i < rows.count; i++) {
      const hex = Buffer.from(stored.subarray(16 * rows.at(i), 16 * rows.at(i) + 16)).reverse();
      hex[0]! ^= 0x80;
      const text = hex.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
      this.#text.data.append(Buffer.from(text));
      ends[i] = this.#text.data.length;
    }
  }

  take(): ColumnBuffers {
    return this.#text.take();
  }

  get bytes(): number {
    return this.#text.bytes;
  }
}

/** The words of an enum, by their number. */
export class EnumReader implements VectorReader {
  readonly #text = new TextBuilder();
  readonly #words: readonly Uint8Array[];

  constructor(values: readonly string[]) {
    this.#words = values.map((value) => Buffer.from(value));
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    const bitmap = this.#text.validity.append(vector, rows);
    const width = this.#words.length <= 0x100 ? 1 : this.#words.length <= 0x10000 ? 2 : 4;
    const stored = Buffer.from(duckdb.vector_get_data(vector, width * rows.end));
    const ends = this.#text.ends(rows.count);
    for (let i = 0; i < rows.count; i++) {
      const row = rows.at(i);
      const valid = bitmap === null || ((bitmap[row >> 3]! >> (row & 7)) & 1) === 1;
      if (valid) this.#text.data.append(this.#words[stored.readUIntLE(row * width, width)]!);
      ends[i] = this.#text.data.length;
    }
  }

  take(): ColumnBuffers {
    return this.#text.take();
  }

  get bytes(): number {
    return this.#text.bytes;
  }
}

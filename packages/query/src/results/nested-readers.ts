import duckdb from '@duckdb/node-bindings';
import { type ColumnBuffers, GrowingBytes } from './column-buffers.ts';
import { Rows, type VectorReader } from './rows.ts';
import { column } from './scalar-readers.ts';
import { ValidityBuilder } from './validity-builder.ts';

/** LIST: entries of offset and length (64 bits each) into the child vector, in any order; Arrow wants them one after another. */
export class ListReader implements VectorReader {
  readonly #child: VectorReader;
  readonly #ends = new GrowingBytes();
  readonly #validity = new ValidityBuilder();
  #children = 0;

  constructor(child: VectorReader) {
    this.#child = child;
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    const bitmap = this.#validity.append(vector, rows);
    const entries = duckdb.vector_get_data(vector, 16 * rows.end);
    const words = new Uint32Array(entries.buffer, entries.byteOffset, 4 * rows.end);
    const at = this.#ends.grow(4 * rows.count);
    const ends = new Int32Array(this.#ends.bytes.buffer, at, rows.count);
    const before = this.#children;
    let start = -1;
    let inOrder = true;
    for (let i = 0; i < rows.count; i++) {
      const row = rows.at(i);
      const valid = bitmap === null || ((bitmap[row >> 3]! >> (row & 7)) & 1) === 1;
      const length = valid ? words[4 * row + 2]! : 0;
      if (length > 0) {
        if (start < 0) start = words[4 * row]!;
        inOrder &&= words[4 * row]! === start + this.#children - before;
      }
      ends[i] = this.#children += length;
    }
    const count = this.#children - before;
    if (count === 0) return;
    const child = duckdb.list_vector_get_child(vector);
    this.#child.append(child, inOrder ? new Rows(start, count) : new Rows(0, count, gather(words, ends, before, rows)));
  }

  take(): ColumnBuffers {
    const ends = new Int32Array(this.#ends.take().buffer);
    const offsets = new Int32Array(ends.length + 1);
    offsets.set(ends, 1);
    this.#children = 0;
    return column(ends.length, this.#validity, { offsets, children: [this.#child.take()] });
  }

  get bytes(): number {
    return this.#ends.length + this.#child.bytes;
  }
}

/** MAP is LIST(STRUCT(key, value)) in DuckDB and in Arrow. */
export class MapReader extends ListReader {}

/** ARRAY: `size` children a row, no entries. */
export class FixedListReader implements VectorReader {
  readonly #child: VectorReader;
  readonly #size: number;
  readonly #validity = new ValidityBuilder();
  #length = 0;

  constructor(child: VectorReader, size: number) {
    this.#child = child;
    this.#size = size;
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    this.#validity.append(vector, rows);
    const size = this.#size;
    const children =
      rows.indices === undefined
        ? new Rows(rows.start * size, rows.count * size)
        : new Rows(
            0,
            rows.count * size,
            Int32Array.from({ length: rows.count * size }, (_, i) => rows.at(Math.floor(i / size)) * size + (i % size)),
          );
    this.#child.append(duckdb.array_vector_get_child(vector), children);
    this.#length += rows.count;
  }

  take(): ColumnBuffers {
    const length = this.#length;
    this.#length = 0;
    return column(length, this.#validity, { children: [this.#child.take()] });
  }

  get bytes(): number {
    return this.#child.bytes;
  }
}

/** STRUCT: one child vector a field, of the same rows. */
export class StructReader implements VectorReader {
  readonly #fields: readonly VectorReader[];
  readonly #validity = new ValidityBuilder();
  #length = 0;

  constructor(fields: readonly VectorReader[]) {
    this.#fields = fields;
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    this.#validity.append(vector, rows);
    this.#fields.forEach((field, i) => {
      field.append(duckdb.struct_vector_get_child(vector, i), rows);
    });
    this.#length += rows.count;
  }

  take(): ColumnBuffers {
    const length = this.#length;
    this.#length = 0;
    return column(length, this.#validity, { children: this.#fields.map((field) => field.take()) });
  }

  get bytes(): number {
    return this.#fields.reduce((sum, field) => sum + field.bytes, 0);
  }
}

function gather(words: Uint32Array, ends: Int32Array, before: number, rows: Rows): Int32Array {
  const indices = new Int32Array(ends[ends.length - 1]! - before);
  for (let i = 0, to = 0; i < rows.count; i++) {
    const start = words[4 * rows.at(i)]!;
    for (let k = 0; to < ends[i]! - before; k++) indices[to++] = start + k;
  }
  return indices;
}

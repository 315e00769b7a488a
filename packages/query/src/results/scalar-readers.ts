import duckdb from '@duckdb/node-bindings';
import { type ColumnBuffers, GrowingBytes } from './column-buffers.ts';
import { SCALAR_BYTES } from './result-type.ts';
import type { Rows, VectorReader } from './rows.ts';
import { ValidityBuilder } from './validity-builder.ts';

/** Values of fixed width that DuckDB and Arrow store alike. */
export class FixedReader implements VectorReader {
  readonly #width: number;
  readonly #values = new GrowingBytes();
  readonly #validity = new ValidityBuilder();

  constructor(kind: keyof typeof SCALAR_BYTES) {
    this.#width = SCALAR_BYTES[kind];
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    this.#validity.append(vector, rows);
    appendFixed(this.#values, vector, rows, this.#width);
  }

  take(): ColumnBuffers {
    const length = this.#values.length / this.#width;
    return column(length, this.#validity, { values: this.#values.take() });
  }

  get bytes(): number {
    return this.#values.length;
  }
}

/** A byte a value in DuckDB, a bit in Arrow. */
export class BoolReader implements VectorReader {
  readonly #bits = new GrowingBytes();
  readonly #validity = new ValidityBuilder();
  #length = 0;

  append(vector: duckdb.Vector, rows: Rows): void {
    this.#validity.append(vector, rows);
    const bytes = duckdb.vector_get_data(vector, rows.end);
    const missing = Math.ceil((this.#length + rows.count) / 8) - this.#bits.length;
    if (missing > 0) {
      const at = this.#bits.grow(missing);
      this.#bits.bytes.fill(0, at, at + missing);
    }
    rows.forEach((row) => {
      if (bytes[row] === 1) this.#bits.bytes[this.#length >> 3]! |= 1 << (this.#length & 7);
      this.#length++;
    });
  }

  take(): ColumnBuffers {
    const length = this.#length;
    this.#length = 0;
    return column(length, this.#validity, { values: this.#bits.take() });
  }

  get bytes(): number {
    return this.#bits.length;
  }
}

/** DuckDB stores a decimal in as few bytes as its width needs; Arrow in 16. */
export class DecimalReader implements VectorReader {
  readonly #storedBytes: 2 | 4 | 8 | 16;
  readonly #values = new GrowingBytes();
  readonly #validity = new ValidityBuilder();

  constructor(storedBytes: 2 | 4 | 8 | 16) {
    this.#storedBytes = storedBytes;
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    this.#validity.append(vector, rows);
    if (this.#storedBytes === 16) {
      appendFixed(this.#values, vector, rows, 16);
      return;
    }
    const width = this.#storedBytes;
    const stored = duckdb.vector_get_data(vector, rows.end * width);
    let at = this.#values.grow(16 * rows.count);
    const { bytes } = this.#values;
    rows.forEach((row) => {
      const negative = stored[row * width + width - 1]! >= 0x80;
      for (let i = 0; i < width; i++) bytes[at + i] = stored[row * width + i]!;
      bytes.fill(negative ? 0xff : 0, at + width, at + 16);
      at += 16;
    });
  }

  take(): ColumnBuffers {
    return column(this.#values.length / 16, this.#validity, { values: this.#values.take() });
  }

  get bytes(): number {
    return this.#values.length;
  }
}

export function appendFixed(values: GrowingBytes, vector: duckdb.Vector, rows: Rows, width: number): void {
  const stored = duckdb.vector_get_data(vector, rows.end * width);
  if (rows.indices === undefined) {
    values.append(stored.subarray(rows.start * width, rows.end * width));
    return;
  }
  let at = values.grow(rows.count * width);
  rows.forEach((row) => {
    for (let i = 0; i < width; i++) values.bytes[at + i] = stored[row * width + i]!;
    at += width;
  });
}

/** A column with its validity, if it has nulls. */
export function column(
  length: number,
  validity: ValidityBuilder,
  buffers: Omit<ColumnBuffers, 'length' | 'validity'>,
): ColumnBuffers {
  const bits = validity.take();
  return { length, ...buffers, ...(bits === undefined ? {} : { validity: bits }) };
}

import type { ColumnData, ColumnValues } from '@openwit/ports';
import type { BatchMemory } from './batch-memory.ts';
import type { Column } from './column-set.ts';
import type { OptionalInt64 } from './fields.ts';

/** 32-bit integers. `values` is replaced by growth: read it anew for each row. */
export class Int32Column implements Column {
  values: Int32Array;
  readonly #memory: BatchMemory;
  readonly #unsigned: boolean;

  constructor(memory: BatchMemory, capacity: number, options: { unsigned?: boolean } = {}) {
    this.#memory = memory;
    this.#unsigned = options.unsigned ?? false;
    this.values = new Int32Array(memory.allocate(capacity * 4));
  }

  grow(capacity: number): void {
    this.values = new Int32Array(this.#memory.grow(this.values.buffer, capacity * 4));
  }

  truncate(): void {}

  data(length: number): ColumnData {
    return { length, values: this.#unsigned ? new Uint32Array(this.values.buffer) : this.values };
  }

  byteLength(rows: number): number {
    return rows * 4;
  }
}

/** 64-bit values, written in halves: a BigInt per value would cost more than the rest of the decoding. */
export class Int64Column implements Column {
  readonly #memory: BatchMemory;
  readonly #type: 'int64' | 'uint64' | 'float64';
  #halves: Int32Array;
  #doubles: Float64Array;

  constructor(memory: BatchMemory, capacity: number, type: 'int64' | 'uint64' | 'float64') {
    this.#memory = memory;
    this.#type = type;
    const buffer = memory.allocate(capacity * 8);
    this.#halves = new Int32Array(buffer);
    this.#doubles = new Float64Array(buffer);
  }

  set(row: number, lo: number, hi: number): void {
    const halves = this.#halves;
    halves[row * 2] = lo;
    halves[row * 2 + 1] = hi;
  }

  setDouble(row: number, value: number): void {
    this.#doubles[row] = value;
  }

  grow(capacity: number): void {
    const buffer = this.#memory.grow(this.#halves.buffer, capacity * 8);
    this.#halves = new Int32Array(buffer);
    this.#doubles = new Float64Array(buffer);
  }

  truncate(): void {}

  data(length: number): ColumnData {
    return { length, values: this.#view(this.#halves.buffer) };
  }

  #view(buffer: ArrayBufferLike): ColumnValues {
    if (this.#type === 'float64') return this.#doubles;
    return this.#type === 'int64' ? new BigInt64Array(buffer) : new BigUint64Array(buffer);
  }

  byteLength(rows: number): number {
    return rows * 8;
  }
}

/** One byte a row: booleans and type codes. */
export class ByteColumn implements Column {
  values: Uint8Array;
  readonly #memory: BatchMemory;

  constructor(memory: BatchMemory, capacity: number) {
    this.#memory = memory;
    this.values = new Uint8Array(memory.allocate(capacity));
  }

  grow(capacity: number): void {
    this.values = new Uint8Array(this.#memory.grow(this.values.buffer, capacity));
  }

  truncate(): void {}

  data(length: number): ColumnData {
    return { length, values: this.values };
  }

  byteLength(rows: number): number {
    return rows;
  }
}

/** A column whose rows may be NULL. The value is written in any case, so that equal batches have equal bytes. */
export class Nullable<C extends Column> implements Column {
  readonly column: C;
  readonly #memory: BatchMemory;
  #bits: Uint8Array;

  constructor(memory: BatchMemory, capacity: number, column: C) {
    this.column = column;
    this.#memory = memory;
    this.#bits = new Uint8Array(memory.allocate(bitmapBytes(capacity)));
  }

  setValid(row: number, valid: boolean): void {
    const bits = this.#bits;
    const at = row >> 3;
    const before = bits[at]! & ((1 << (row & 7)) - 1);
    bits[at] = valid ? before | (1 << (row & 7)) : before;
  }

  grow(capacity: number): void {
    this.column.grow(capacity);
    this.#bits = new Uint8Array(this.#memory.grow(this.#bits.buffer, bitmapBytes(capacity)));
  }

  truncate(rows: number): void {
    this.column.truncate(rows);
  }

  data(length: number): ColumnData {
    return { ...this.column.data(length), validity: this.#bits };
  }

  byteLength(rows: number): number {
    return this.column.byteLength(rows) + bitmapBytes(rows);
  }
}

/** Writes the value, or NULL and zero bits. */
export function setOptionalInt64(column: Nullable<Int64Column>, row: number, value: OptionalInt64): void {
  column.column.set(row, value.lo, value.hi);
  column.setValid(row, value.isSet);
}

function bitmapBytes(rows: number): number {
  return (rows + 7) >> 3;
}

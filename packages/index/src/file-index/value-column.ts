import type { CodedColumn, IndexedRows, TextColumn } from '@openwit/ports';
import { RoaringBitmap32 } from 'roaring-wasm';
import { BloomFilterWriter } from './bloom-filter.ts';
import { hashOf } from './value-hash.ts';

/** A column that has more different values gets no bitmaps. */
const MOST_VALUES = 4096;
/** Nor does one with longer values, in bytes. */
const MOST_VALUE_BYTES = 1024;
const NO_VALUE = -1;
const LEAST_ROWS = 1024;

/** The rows of a value, as a Roaring bitmap in its portable format. */
export interface ValueRows {
  readonly value: string;
  readonly rows: number;
  readonly bitmap: Uint8Array;
}

/** A column whose values are looked up: while there are few of them by their rows, else by a filter that tells which are not there. */
export class ValueColumn {
  /** Of each value its number; undefined when there are too many. */
  #known: Map<string, number> | undefined;
  #rows = 0;
  /** Of each row the number of its value. */
  #numbers = new Int32Array(LEAST_ROWS);
  readonly #filter = new BloomFilterWriter();

  /** @param hasFewValues whether it is worth the try to keep their rows */
  constructor(hasFewValues: boolean) {
    this.#known = hasFewValues ? new Map() : undefined;
  }

  add(rows: number, column: IndexedRows): void {
    if (this.#known !== undefined) this.#addNumbers(this.#known, rows, column);
    if (this.#known === undefined) addToFilter(this.#filter, 'codes' in column ? column.values : column);
    this.#rows += rows;
  }

  /** The rows of each value, or the chunks of a filter. */
  finish(): readonly ValueRows[] | Uint8Array {
    return this.#known === undefined
      ? this.#filter.finish()
      : bitmapsOf(this.#known, this.#numbers.subarray(0, this.#rows));
  }

  #addNumbers(known: Map<string, number>, rows: number, column: IndexedRows): void {
    const { values, codes } = 'codes' in column ? column : codedRows(rows, column);
    const numbers = numbersOf(values, known);
    if (numbers === undefined) {
      this.#giveUpNumbers(known);
      return;
    }
    if (this.#rows + rows > this.#numbers.length) {
      const larger = new Int32Array(Math.max(2 * this.#numbers.length, this.#rows + rows));
      larger.set(this.#numbers.subarray(0, this.#rows));
      this.#numbers = larger;
    }
    translate(codes, numbers, this.#numbers, this.#rows);
  }

  #giveUpNumbers(known: Map<string, number>): void {
    for (const value of known.keys()) {
      const bytes = Buffer.from(value);
      this.#filter.add(hashOf(bytes, 0, bytes.length));
    }
    this.#known = undefined;
    this.#numbers = new Int32Array(0);
  }
}

/** @returns undefined when there are too many, or too long ones */
function numbersOf({ data, offsets }: TextColumn, known: Map<string, number>): Int32Array | undefined {
  const numbers = new Int32Array(offsets.length - 1);
  const text = Buffer.from(data.buffer, data.byteOffset, data.length);
  for (let i = 0; i < numbers.length; i++) {
    if (offsets[i + 1]! - offsets[i]! > MOST_VALUE_BYTES) return undefined;
    const value = text.toString('utf8', offsets[i]!, offsets[i + 1]!);
    const number = known.get(value) ?? known.size;
    known.set(value, number);
    numbers[i] = number;
    if (known.size > MOST_VALUES) return undefined;
  }
  return numbers;
}

function translate(codes: Int32Array, numbers: Int32Array, target: Int32Array, start: number): void {
  for (let i = 0; i < codes.length; i++) target[start + i] = codes[i]! < 0 ? NO_VALUE : numbers[codes[i]!]!;
}

/** Each row's value for itself. */
function codedRows(rows: number, column: TextColumn): CodedColumn {
  const codes = Int32Array.from({ length: rows }, (_, i) => (isThere(column, i) ? i : NO_VALUE));
  return { values: column, codes };
}

function addToFilter(filter: BloomFilterWriter, column: TextColumn): void {
  const { data, offsets } = column;
  for (let i = 0; i + 1 < offsets.length; i++) {
    if (isThere(column, i)) filter.add(hashOf(data, offsets[i]!, offsets[i + 1]!));
  }
}

function isThere({ validity }: TextColumn, row: number): boolean {
  return validity === undefined || (validity[row >> 3]! & (1 << (row & 7))) !== 0;
}

function bitmapsOf(known: ReadonlyMap<string, number>, numbers: Int32Array): ValueRows[] {
  const counts = new Int32Array(known.size);
  for (let i = 0; i < numbers.length; i++) if (numbers[i]! >= 0) counts[numbers[i]!]!++;
  const lists = Array.from(counts, (count) => new Uint32Array(count));
  counts.fill(0);
  for (let row = 0; row < numbers.length; row++) {
    const number = numbers[row]!;
    if (number >= 0) lists[number]![counts[number]!++] = row;
  }
  return [...known].map(([value, number]) => ({ value, rows: counts[number]!, bitmap: bitmapOf(lists[number]!) }));
}

function bitmapOf(rows: Uint32Array): Uint8Array {
  const bitmap = new RoaringBitmap32(rows);
  try {
    bitmap.runOptimize();
    return Uint8Array.from(bitmap.serialize('portable'));
  } finally {
    bitmap.dispose();
  }
}

/** The rows in a bitmap, ascending. @throws Error when it is none */
export function rowsIn(bitmap: Uint8Array): Uint32Array {
  const own = RoaringBitmap32.deserialize('portable', bitmap);
  try {
    return own.toUint32Array();
  } finally {
    own.dispose();
  }
}

import { type ColumnData, type FileColumnStats, isoTime } from '@openwit/ports';
import type { RowGroup, StoredValues } from './arrow-columns.ts';
import { isValid } from './validity.ts';

/**
 * What DuckLake keeps of a column of a file. Text has no minimum and maximum here: in a batch of one moment they prune
 * nothing, and a reader takes their absence for "unknown".
 * @param column with the values of all rows, of one that is like all, or of a group
 */
export function columnStats({ column, values, group }: StoredValues, rows: number, fieldId: number): FileColumnStats {
  const { length, validity } = values;
  const nullCount =
    validity === undefined
      ? 0
      : group === undefined
        ? (nullsIn(validity, length) * rows) / length
        : nullRows(validity, group);
  const counts = { fieldId, valueCount: rows - nullCount, nullCount };
  switch (column.type) {
    case 'timestamp_ns': {
      const range = wideRange(values, length, true);
      return range === undefined ? counts : { ...counts, min: timestampText(range.min), max: timestampText(range.max) };
    }
    case 'int64':
    case 'uint64':
      return { ...counts, ...asText(wideRange(values, length, column.type === 'int64')) };
    case 'int32':
    case 'uint32':
    case 'boolean':
      return { ...counts, ...asText(narrowRange(values, length)) };
    case 'float64':
      return { ...counts, ...doubleStats(values, length) };
    default:
      return counts;
  }
}

/** Nanoseconds since the epoch, first and last. */
export function timestampRange(values: ColumnData, rows: number): { readonly min: bigint; readonly max: bigint } {
  return wideRange(values, rows, true) ?? { min: 0n, max: 0n };
}

/** `2026-01-02 03:04:05.123456789` */
export function timestampText(ns: bigint): string {
  const second = 1_000_000_000n;
  const fraction = ((ns % second) + second) % second;
  const date = isoTime(Number((ns - fraction) / 1_000_000n));
  return `${date.slice(0, 10)} ${date.slice(11, 19)}.${String(fraction).padStart(9, '0')}`;
}

export interface Range<T> {
  readonly min: T;
  readonly max: T;
}

function asText(range: Range<bigint | number> | undefined): { min?: string; max?: string } {
  return range === undefined ? {} : { min: String(range.min), max: String(range.max) };
}

const NONE = -1;

/** 64-bit integers by their halves: a BigInt a value would cost more than the rest of the statistics. */
export function wideRange({ values, validity }: ColumnData, rows: number, signed: boolean): Range<bigint> | undefined {
  const { buffer, byteOffset } = values!;
  const low = new Uint32Array(buffer, byteOffset, 2 * rows);
  const high = signed ? new Int32Array(buffer, byteOffset, 2 * rows) : low;
  const ends = Int32Array.of(NONE, NONE);
  findEnds(high, low, validity, rows, ends);
  const [min, max] = ends as unknown as [number, number];
  if (min === NONE) return undefined;
  const valueAt = (at: number): bigint => (BigInt(high[at + 1]!) << 32n) | BigInt(low[at]!);
  return { min: valueAt(min), max: valueAt(max) };
}

/**
 * Puts where the halves of the least value and of the greatest are into `ends`; below 0 where there is none. It puts them there on
 * the way: a loop that is compiled while it runs for the first time knows nothing of what follows it.
 */
function findEnds(
  high: Int32Array | Uint32Array,
  low: Uint32Array,
  validity: Uint8Array | undefined,
  rows: number,
  ends: Int32Array,
): void {
  let min = -1;
  let max = -1;
  for (let i = 0; i < rows; i++) {
    if (!isValid(validity, i)) continue;
    const at = 2 * i;
    if (min < 0) ends[0] = ends[1] = min = max = at;
    else if (isLess(high, low, at, min)) ends[0] = min = at;
    else if (isLess(high, low, max, at)) ends[1] = max = at;
  }
}

function isLess(high: Int32Array | Uint32Array, low: Uint32Array, a: number, b: number): boolean {
  const highA = high[a + 1]!;
  const highB = high[b + 1]!;
  return highA < highB || (highA === highB && low[a]! < low[b]!);
}

export function narrowRange({ values, validity }: ColumnData, rows: number): Range<number> | undefined {
  const source = values as Int32Array | Uint32Array | Uint8Array;
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < rows; i++) {
    if (!isValid(validity, i)) continue;
    const value = source[i]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min > max ? undefined : { min, max };
}

function doubleStats(column: ColumnData, rows: number): Partial<FileColumnStats> {
  const { containsNan, range } = doubleRange(column, rows);
  return range === undefined
    ? { containsNan }
    : { containsNan, min: doubleStat(range.min), max: doubleStat(range.max) };
}

/** Infinities are values; NaN is only said to be there. */
export function doubleRange(
  { values, validity }: ColumnData,
  rows: number,
): { readonly range: Range<number> | undefined; readonly containsNan: boolean } {
  const source = values as Float64Array;
  let min = Infinity;
  let max = -Infinity;
  let numbers = 0;
  let containsNan = false;
  for (let i = 0; i < rows; i++) {
    if (!isValid(validity, i)) continue;
    const value = source[i]!;
    if (Number.isNaN(value)) {
      containsNan = true;
      continue;
    }
    numbers++;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { containsNan, range: numbers === 0 ? undefined : { min, max } };
}

export function doubleStat(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? 'inf' : '-inf';
}

function nullsIn(validity: Uint8Array, length: number): number {
  let nulls = length;
  for (let i = 0; i < length; i++) nulls -= (validity[i >> 3]! >> (i & 7)) & 1;
  return nulls;
}

function nullRows(validity: Uint8Array, { rows }: RowGroup): number {
  return rows.reduce((nulls, count, value) => nulls + (isValid(validity, value) ? 0 : count), 0);
}

import { doubleRange, doubleStat, narrowRange, timestampText, wideRange } from '../parquet/column-stats.ts';
import { STATISTICS } from '../parquet/metadata-fields.ts';
import type { StoredType } from '../parquet/stored-layout.ts';
import { i64, type ThriftStruct, thriftStruct } from '../parquet/thrift.ts';
import type { PlainValues, TextValues } from './leaf-values.ts';

/** The least value and the greatest, as Parquet's PLAIN has them and as the catalog does. */
export interface LeafBounds {
  readonly min: Uint8Array;
  readonly max: Uint8Array;
  readonly minText: string;
  readonly maxText: string;
}

export interface LeafRange {
  readonly bounds: LeafBounds | undefined;
  /** Of doubles. */
  readonly containsNan: boolean;
}

/** Longer texts have no bounds. */
const MOST_BOUND_BYTES = 64;

/** @param type of a column that holds single values */
export function leafRange(type: StoredType, values: PlainValues): LeafRange {
  if (values.kind === 'text') return { bounds: textBounds(values), containsNan: false };
  const { length, words } = values;
  const { buffer, byteOffset } = words;
  switch (type) {
    case 'timestamp_ns':
    case 'int64':
    case 'uint64':
      return {
        bounds: bounds(wideRange({ length, values: words }, length, type !== 'uint64'), wideBytes, type),
        ...NO_NAN,
      };
    case 'float64': {
      const doubles = new Float64Array(buffer, byteOffset, length);
      const { range, containsNan } = doubleRange({ length, values: doubles }, length);
      return { bounds: bounds(range, (value) => bytesOf(Float64Array.of(value)), type), containsNan };
    }
    case 'boolean':
      return {
        bounds: bounds(narrowRange({ length, values: words }, length), (value) => Uint8Array.of(value), type),
        ...NO_NAN,
      };
    default: {
      const numbers = type === 'uint32' ? new Uint32Array(buffer, byteOffset, length) : words;
      return {
        bounds: bounds(
          narrowRange({ length, values: numbers }, length),
          (value) => bytesOf(Int32Array.of(value)),
          type,
        ),
        ...NO_NAN,
      };
    }
  }
}

/**
 * @param bounds none where there is a NaN: readers that take it for the greatest value, as DuckDB does, must not believe that
 *   there is none
 */
export function statisticsOf(nullCount: number, bounds: Pick<LeafBounds, 'min' | 'max'> | undefined): ThriftStruct {
  return thriftStruct({
    [STATISTICS.nullCount]: i64(nullCount),
    ...(bounds && {
      [STATISTICS.max]: { type: 'binary', bytes: bounds.max },
      [STATISTICS.min]: { type: 'binary', bytes: bounds.min },
      [STATISTICS.isMaxExact]: { type: 'bool', value: true },
      [STATISTICS.isMinExact]: { type: 'bool', value: true },
    }),
  });
}

const NO_NAN = { containsNan: false };

function bounds<T extends bigint | number>(
  range: { readonly min: T; readonly max: T } | undefined,
  plain: (value: T) => Uint8Array,
  type: StoredType,
): LeafBounds | undefined {
  if (range === undefined) return undefined;
  const { min, max } = range;
  return { min: plain(min), max: plain(max), minText: textOf(min, type), maxText: textOf(max, type) };
}

function textOf(value: bigint | number, type: StoredType): string {
  if (type === 'timestamp_ns') return timestampText(value as bigint);
  return type === 'float64' ? doubleStat(value as number) : String(value);
}

function wideBytes(value: bigint): Uint8Array {
  return bytesOf(BigInt64Array.of(value));
}

function bytesOf({ buffer }: { readonly buffer: ArrayBuffer }): Uint8Array {
  return new Uint8Array(buffer);
}

function textBounds({ length, bytes, offsets }: TextValues): LeafBounds | undefined {
  if (length === 0) return undefined;
  const [least, greatest] = ends(bytes, offsets, length);
  const [min, max] = [least, greatest].map((i) => bytes.subarray(offsets[i], offsets[i + 1])) as [
    Uint8Array,
    Uint8Array,
  ];
  if (Math.max(min.length, max.length) > MOST_BOUND_BYTES) return undefined;
  const [minText, maxText] = [Buffer.from(min).toString(), Buffer.from(max).toString()];
  const own = { min: Buffer.from(minText), max: Buffer.from(maxText) };
  // What is no UTF-8 has no text.
  return own.min.equals(min) && own.max.equals(max) ? { ...own, minText, maxText } : undefined;
}

function ends(bytes: Uint8Array, offsets: Int32Array, length: number): [least: number, greatest: number] {
  let least = 0;
  let greatest = 0;
  let least3 = firstBytes(bytes, offsets[0]!, offsets[1]!);
  let greatest3 = least3;
  for (let i = 1; (i = nextEnd(bytes, offsets, i, length, least3, greatest3)) < length; i++) {
    if (isLess(bytes, offsets, i, least)) least = i;
    else if (isLess(bytes, offsets, greatest, i)) greatest = i;
    least3 = firstBytes(bytes, offsets[least]!, offsets[least + 1]!);
    greatest3 = firstBytes(bytes, offsets[greatest]!, offsets[greatest + 1]!);
  }
  return [least, greatest];
}

/** The next text that may be the least or the greatest; most are told by their first bytes not to be. */
function nextEnd(
  bytes: Uint8Array,
  offsets: Int32Array,
  from: number,
  length: number,
  least3: number,
  greatest3: number,
): number {
  let i = from;
  for (; i < length; i++) {
    const own = firstBytes(bytes, offsets[i]!, offsets[i + 1]!);
    if (own <= least3 || own >= greatest3) break;
  }
  return i;
}

/** The first three as a number, zeros behind a shorter text. */
function firstBytes(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  if (length > 2) return (bytes[from]! << 16) | (bytes[from + 1]! << 8) | bytes[from + 2]!;
  return length === 2 ? (bytes[from]! << 16) | (bytes[from + 1]! << 8) : length === 1 ? bytes[from]! << 16 : 0;
}

/** By the bytes, a text before one that it begins. */
function isLess(bytes: Uint8Array, offsets: Int32Array, a: number, b: number): boolean {
  let atA = offsets[a]!;
  let atB = offsets[b]!;
  const endA = offsets[a + 1]!;
  const endB = offsets[b + 1]!;
  while (atA < endA && atB < endB) {
    const difference = bytes[atA++]! - bytes[atB++]!;
    if (difference !== 0) return difference < 0;
  }
  return endA - atA < endB - atB;
}

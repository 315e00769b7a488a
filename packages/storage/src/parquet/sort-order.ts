import { type ColumnData, TABLES, type TableName } from '@openwit/ports';
import type { Scratch } from './scratch.ts';

/** What the rows of every file are ordered by; text by its UTF-8 bytes, as DuckDB orders it. */
export const SORT_COLUMNS: Readonly<Record<TableName, readonly string[]>> = {
  traces: ['service_name', 'timestamp'],
  logs: ['service_name', 'timestamp'],
  metrics: ['metric_name', 'service_name', 'timestamp'],
};

/**
 * The rows of a batch in the order of {@link SORT_COLUMNS}; rows that are equal there stay in their order.
 * @param columns in the layout of `TABLES`
 */
export function sortOrder(
  table: TableName,
  rows: number,
  columns: readonly ColumnData[],
  memory: Scratch,
): Int32Array<ArrayBuffer> {
  const columnOf = (name: string) => columns[TABLES[table].findIndex((column) => column.name === name)]!;
  const names = SORT_COLUMNS[table].slice(0, -1).map(columnOf);
  const { values } = columnOf('timestamp');
  return mergeSort({ groups: groupRanks(names, rows), times: values as BigInt64Array }, rows, memory);
}

interface SortKeys {
  /** Of each row the rank of its names. */
  readonly groups: Float64Array;
  readonly times: BigInt64Array;
}

/** Rows of equal names have equal ranks. Names are few: each combination is compared as text once. */
function groupRanks(names: readonly ColumnData[], rows: number): Float64Array {
  const ranks = names.map(({ dictionary }) => textRanks(dictionary!));
  const groups = new Float64Array(rows);
  names.forEach(({ indices }, n) => {
    const own = ranks[n]!;
    const width = 1 + own.reduce((most, rank) => Math.max(most, rank), 0);
    for (let i = 0; i < rows; i++) groups[i] = groups[i]! * width + own[indices![i]!]!;
  });
  return groups;
}

function textRanks({ offsets, values, length }: ColumnData): Int32Array {
  const bytes = Buffer.from(values!.buffer as ArrayBuffer, values!.byteOffset, values!.byteLength);
  const texts = Array.from({ length }, (_, i) => bytes.subarray(offsets![i]!, offsets![i + 1]!));
  const sorted = Array.from({ length }, (_, i) => i).sort((a, b) => Buffer.compare(texts[a]!, texts[b]!));
  const ranks = new Int32Array(length);
  let rank = 0;
  sorted.forEach((text, i) => {
    if (i > 0 && !texts[text]!.equals(texts[sorted[i - 1]!]!)) rank++;
    ranks[text] = rank;
  });
  return ranks;
}

/** Bottom up, by halves of the times: a comparison of BigInts, or a call for each, would cost ten times as much. */
function mergeSort({ groups, times }: SortKeys, rows: number, memory: Scratch): Int32Array<ArrayBuffer> {
  const low = new Uint32Array(times.buffer, times.byteOffset, 2 * rows);
  const high = new Int32Array(times.buffer, times.byteOffset, 2 * rows);
  let from = memory.int32(rows);
  let to = memory.int32(rows);
  for (let i = 0; i < rows; i++) from[i] = i;
  for (let width = 1; width < rows; width *= 2) {
    for (let start = 0; start < rows; start += 2 * width) {
      const middle = Math.min(rows, start + width);
      const end = Math.min(rows, start + 2 * width);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        let takesLeft = right === end;
        if (!takesLeft && left < middle) {
          const a = from[left]!;
          const b = from[right]!;
          const byGroup = groups[a]! - groups[b]!;
          const byHigh = high[2 * a + 1]! - high[2 * b + 1]!;
          takesLeft = byGroup < 0 || (byGroup === 0 && (byHigh < 0 || (byHigh === 0 && low[2 * a]! <= low[2 * b]!)));
        }
        to[at] = takesLeft ? from[left++]! : from[right++]!;
      }
    }
    [from, to] = [to, from];
  }
  return from;
}

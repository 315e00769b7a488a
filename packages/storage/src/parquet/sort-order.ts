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
  const times = columnOf('timestamp').values as BigInt64Array;
  // Each sort leaves rows that are equal in their order: so the first key comes last.
  return names.reduceRight((order, name) => byName(order, name, memory), byTime(times, rows, memory));
}

/** Names are few: each is compared as text once, and its rows counted. */
function byName(order: Int32Array<ArrayBuffer>, name: ColumnData, memory: Scratch): Int32Array<ArrayBuffer> {
  const ranks = textRanks(name.dictionary!);
  const indices = name.indices!;
  const places = memory.int32(ranks.length + 1);
  countRanks(indices, ranks, order.length, places);
  for (let rank = 0; rank < ranks.length; rank++) places[rank + 1]! += places[rank]!;
  const sorted = memory.int32(order.length);
  placeByRank(order, indices, ranks, places, sorted);
  return sorted;
}

/** @param counts gets the rows of each rank behind the place of the rank */
function countRanks(indices: Int32Array, ranks: Int32Array, rows: number, counts: Int32Array): void {
  for (let i = 0; i < rows; i++) counts[ranks[indices[i]!]! + 1]!++;
}

/** @param places of the next row of each rank */
function placeByRank(
  order: Int32Array,
  indices: Int32Array,
  ranks: Int32Array,
  places: Int32Array,
  sorted: Int32Array,
): void {
  for (let i = 0; i < order.length; i++) {
    const row = order[i]!;
    sorted[places[ranks[indices[row]!]!]!++] = row;
  }
}

/** Texts that are equal have equal ranks. */
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

/** Times by their halves: a comparison of BigInts would cost ten times as much. */
interface Times {
  readonly low: Uint32Array;
  readonly high: Int32Array;
}

/** Merges runs that are in order already, neighbours first: a sender's records mostly are. */
function byTime({ buffer, byteOffset }: BigInt64Array, rows: number, memory: Scratch): Int32Array<ArrayBuffer> {
  const times = {
    low: new Uint32Array(buffer, byteOffset, 2 * rows),
    high: new Int32Array(buffer, byteOffset, 2 * rows),
  };
  const ends = memory.int32(rows);
  let runs = findRuns(times, rows, ends);
  let from = memory.int32(rows);
  let to = memory.int32(rows);
  for (let i = 0; i < rows; i++) from[i] = i;
  while (runs > 1) {
    let merged = 0;
    let start = 0;
    for (let run = 0; run < runs; run += 2) {
      const middle = ends[run]!;
      const end = run + 1 < runs ? ends[run + 1]! : middle;
      merge(times, from, to, start, middle, end);
      ends[merged++] = end;
      start = end;
    }
    runs = merged;
    [from, to] = [to, from];
  }
  return from;
}

/** How many there are; their ends, exclusive, are put into `ends`. */
function findRuns(times: Times, rows: number, ends: Int32Array): number {
  let runs = 0;
  for (let i = 1; i < rows; i++) if (isLater(times, i - 1, i)) ends[runs++] = i;
  if (rows > 0) ends[runs++] = rows;
  return runs;
}

/** The rows from `start` to `middle` and those from there to `end`. */
function merge(times: Times, from: Int32Array, to: Int32Array, start: number, middle: number, end: number): void {
  let left = start;
  let right = middle;
  for (let at = start; at < end; at++) {
    const takesLeft = right === end || (left < middle && !isLater(times, from[left]!, from[right]!));
    to[at] = takesLeft ? from[left++]! : from[right++]!;
  }
}

function isLater({ low, high }: Times, a: number, b: number): boolean {
  const byHigh = high[2 * a + 1]! - high[2 * b + 1]!;
  return byHigh > 0 || (byHigh === 0 && low[2 * a]! > low[2 * b]!);
}

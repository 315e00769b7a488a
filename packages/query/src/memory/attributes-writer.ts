import duckdb from '@duckdb/node-bindings';
import { ATTRIBUTE_TYPES, type AttributeEntries, attributeEntries, type ColumnData } from '@openwit/ports';
import { doubleText } from './double-text.ts';
import { writeListEntries } from './list-entries.ts';
import type { StringWriter } from './string-writer.ts';
import { ValidityBits } from './validity.ts';
import type { ChunkWriter, WriteContext } from './write-context.ts';

const STRING = ATTRIBUTE_TYPES.indexOf('string');
const INT = ATTRIBUTE_TYPES.indexOf('int');
const DOUBLE = ATTRIBUTE_TYPES.indexOf('double');
const BOOL = ATTRIBUTE_TYPES.indexOf('bool');
const EMPTY = ATTRIBUTE_TYPES.indexOf('empty');

/** The rows of a column that a chunk's rows take their values from: themselves, or rows of a dictionary. */
export type RowOf = (chunkRow: number) => number;

/**
 * Writes an attributes column as MAP(VARCHAR, VARCHAR): of the values as text, or of the types of what isn't a string.
 * Rows that share a dictionary's value share its entries too. DuckDB compares maps entry by entry: those of a table are in
 * the order of their keys, as they are read out of files.
 */
export function attributesWriter(
  context: WriteContext,
  column: ColumnData,
  part: 'value' | 'types',
  rowOf: RowOf,
  order: 'by key' | 'as sent' = 'as sent',
): ChunkWriter {
  const entries = attributeEntries(column);
  const offsets = column.offsets!;
  const rankOf = order === 'by key' ? ranksOf(entries.keys) : undefined;
  return (vector, from, count) => {
    const chosen: number[] = [];
    const written = new Map<number, number>();
    const starts = new Int32Array(count);
    const lengths = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const row = rowOf(from + i);
      const before = written.get(row);
      if (before !== undefined) {
        starts[i] = starts[before]!;
        lengths[i] = lengths[before]!;
        continue;
      }
      written.set(row, i);
      starts[i] = chosen.length;
      for (let e = offsets[row]!; e < offsets[row + 1]!; e++) {
        if (part === 'value' || entries.typeOf[e] !== STRING) chosen.push(e);
      }
      if (rankOf !== undefined) sortFrom(chosen, starts[i]!, (entry) => rankOf[entries.keyOf[entry]!]!);
      lengths[i] = chosen.length - starts[i]!;
    }
    const pair = writeListEntries(vector, starts, lengths, chosen.length);
    writeKeys(context.strings, duckdb.struct_vector_get_child(pair, 0), entries, chosen);
    writeValues(context.strings, duckdb.struct_vector_get_child(pair, 1), entries, chosen, part);
  };
}

/** The place of each key among all of them, in the order of their bytes. */
function ranksOf({ length, offsets, values }: ColumnData): Int32Array {
  const bytes = values as Uint8Array;
  const textOf = (key: number) => bytes.subarray(offsets![key]!, offsets![key + 1]!);
  const sorted = Array.from({ length }, (_, key) => key).sort((a, b) => Buffer.compare(textOf(a), textOf(b)));
  const ranks = new Int32Array(length);
  for (const [rank, key] of sorted.entries()) ranks[key] = rank;
  return ranks;
}

/** More items than this are sorted by the engine: in place the work grows with their square. */
const FEW_ITEMS = 32;

/** Sorts the end of a list, which is short and mostly in order. */
function sortFrom(list: number[], start: number, rankOf: (item: number) => number): void {
  if (list.length - start > FEW_ITEMS) {
    const sorted = list.splice(start).sort((a, b) => rankOf(a) - rankOf(b));
    for (const item of sorted) list.push(item);
    return;
  }
  for (let i = start + 1; i < list.length; i++) {
    const item = list[i]!;
    const rank = rankOf(item);
    let at = i;
    for (; at > start && rankOf(list[at - 1]!) > rank; at--) list[at] = list[at - 1]!;
    list[at] = item;
  }
}

function writeKeys(
  strings: StringWriter,
  vector: duckdb.Vector,
  entries: AttributeEntries,
  chosen: readonly number[],
): void {
  const written = new Int32Array(entries.keys.length).fill(-1);
  const bytes = entries.keys.values as Uint8Array;
  const offsets = entries.keys.offsets!;
  strings.begin(chosen.length);
  for (const entry of chosen) {
    const key = entries.keyOf[entry]!;
    if (written[key]! >= 0) {
      strings.repeat(written[key]!);
    } else {
      written[key] = strings.count;
      strings.add(bytes, offsets[key]!, offsets[key + 1]!);
    }
  }
  strings.flush(vector);
}

function writeValues(
  strings: StringWriter,
  vector: duckdb.Vector,
  entries: AttributeEntries,
  chosen: readonly number[],
  part: 'value' | 'types',
): void {
  const valid = new ValidityBits(chosen.length);
  strings.begin(chosen.length);
  for (const [i, entry] of chosen.entries()) {
    if (part === 'types') strings.addAscii(ATTRIBUTE_TYPES[entries.typeOf[entry]!]!);
    else addValueText(strings, entries, entry);
    if (part === 'value' && isWithoutValue(entries, entry)) valid.clear(i);
  }
  strings.flush(vector);
  valid.write(vector);
}

/** An attribute without a value is there, with the type `empty`, and its text is NULL as in files. */
export function isWithoutValue(entries: AttributeEntries, entry: number): boolean {
  return entries.typeOf[entry] === EMPTY;
}

/** Numbers and booleans as DuckDB casts them to VARCHAR, so that memory and files say the same. */
export function addValueText(strings: StringWriter, entries: AttributeEntries, entry: number): void {
  const type = entries.typeOf[entry];
  if (type === INT) strings.addAscii(String(entries.ints[entry]));
  else if (type === DOUBLE) strings.addAscii(doubleText(entries.doubles[entry]!));
  else if (type === BOOL) strings.addAscii(entries.ints[entry] === 0n ? 'false' : 'true');
  else strings.add(entries.textBytes, entries.textOffsets[entry]!, entries.textOffsets[entry + 1]!);
}

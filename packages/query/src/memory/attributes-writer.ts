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
 * Rows that share a dictionary's value share its entries too.
 */
export function attributesWriter(
  context: WriteContext,
  column: ColumnData,
  part: 'value' | 'types',
  rowOf: RowOf,
): ChunkWriter {
  const entries = attributeEntries(column);
  const offsets = column.offsets!;
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
      lengths[i] = chosen.length - starts[i]!;
    }
    const pair = writeListEntries(vector, starts, lengths, chosen.length);
    writeKeys(context.strings, duckdb.struct_vector_get_child(pair, 0), entries, chosen);
    writeValues(context.strings, duckdb.struct_vector_get_child(pair, 1), entries, chosen, part);
  };
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

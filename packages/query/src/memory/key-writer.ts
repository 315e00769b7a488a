import duckdb from '@duckdb/node-bindings';
import { ATTRIBUTE_TYPES, type AttributeEntries, attributeEntries, type ColumnData } from '@openwit/ports';
import type { TypedPart } from '../sql/attribute-access.ts';
import { addValueText, isWithoutValue, type RowOf } from './attributes-writer.ts';
import type { ScanColumn } from './scan-plan.ts';
import { ValidityBits } from './validity.ts';
import type { ChunkWriter, WriteContext } from './write-context.ts';

const TYPE_OF_PART: Readonly<Record<TypedPart, number>> = {
  int64: ATTRIBUTE_TYPES.indexOf('int'),
  float64: ATTRIBUTE_TYPES.indexOf('double'),
  bool: ATTRIBUTE_TYPES.indexOf('bool'),
};

/** Writes one attribute key as a column; rows without it are NULL. */
export function keyWriter(
  context: WriteContext,
  column: ColumnData,
  read: ScanColumn['read'],
  rowOf: RowOf,
): ChunkWriter {
  const entries = attributeEntries(column);
  const entryOf = entryFinder(column, entries, read.key!);
  const part = read.part as 'text' | 'rest' | TypedPart;
  if (part === 'text' || part === 'rest') {
    const skipped = read.without === undefined ? -1 : TYPE_OF_PART[read.without];
    const text = (from: number, i: number) => {
      const entry = entryOf(rowOf(from + i));
      return entry >= 0 && entries.typeOf[entry] !== skipped ? entry : -1;
    };
    return (vector, from, count) => writeTexts(context, vector, entries, count, (i) => text(from, i));
  }
  const type = TYPE_OF_PART[part];
  return (vector, from, count) => {
    const valid = new ValidityBits(count);
    const values = part === 'bool' ? new Uint8Array(count) : new BigInt64Array(count);
    for (let i = 0; i < count; i++) {
      const entry = entryOf(rowOf(from + i));
      if (entry < 0 || entries.typeOf[entry] !== type) {
        valid.clear(i);
      } else if (values instanceof BigInt64Array) {
        values[i] = entries.ints[entry]!; // a double's bits too
      } else {
        values[i] = Number(entries.ints[entry] !== 0n);
      }
    }
    duckdb.copy_data_to_vector(vector, 0, values.buffer, 0, values.byteLength);
    valid.write(vector);
  };
}

function writeTexts(
  { strings }: WriteContext,
  vector: duckdb.Vector,
  entries: AttributeEntries,
  count: number,
  entryOf: (chunkRow: number) => number,
): void {
  const valid = new ValidityBits(count);
  strings.begin(count);
  for (let i = 0; i < count; i++) {
    const entry = entryOf(i);
    if (entry < 0 || isWithoutValue(entries, entry)) {
      valid.clear(i);
      strings.addAscii('');
    } else {
      addValueText(strings, entries, entry);
    }
  }
  strings.flush(vector);
  valid.write(vector);
}

/** The first entry of a row with the key, or -1: the key is looked up once, rows compare its number. */
function entryFinder(column: ColumnData, entries: AttributeEntries, key: string): (row: number) => number {
  const offsets = column.offsets!;
  const keyIds = idsOfKey(entries.keys, key);
  if (keyIds.length === 0) return () => -1;
  const [keyId] = keyIds;
  const { keyOf } = entries;
  return (row) => {
    for (let e = offsets[row]!, end = offsets[row + 1]!; e < end; e++) if (keyOf[e] === keyId) return e;
    return -1;
  };
}

function idsOfKey(keys: ColumnData, key: string): number[] {
  const wanted = Buffer.from(key);
  const bytes = keys.values as Uint8Array;
  const offsets = keys.offsets!;
  const ids: number[] = [];
  for (let id = 0; id < keys.length; id++) {
    const length = offsets[id + 1]! - offsets[id]!;
    if (length === wanted.length && wanted.equals(bytes.subarray(offsets[id]!, offsets[id + 1]!))) ids.push(id);
  }
  return ids;
}

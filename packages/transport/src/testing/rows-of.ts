import { ATTRIBUTE_TYPES, attributeEntries, type ColumnData, type ColumnType, TABLES } from '@openwit/ports';
import { columnsOf, recordBatchOf } from '@openwit/ports/arrow';
import type { OtlpBatch } from '../otlp/batch.ts';

/** A row as plain data: 64-bit integers and times are bigint, attributes `{ key: { type, value } }`. */
export type Row = Record<string, unknown>;

/** The rows of a batch, read by way of Arrow as its consumers do. */
export function rowsOf(batch: OtlpBatch): Row[] {
  const columns = columnsOf(recordBatchOf(batch.signal, batch.rows, batch.columns()));
  return Array.from({ length: batch.rows }, (_, row) => {
    const cells = TABLES[batch.signal].map(({ name, type }, i) => [name, cellOf(type, columns[i]!, row)] as const);
    return Object.fromEntries(cells);
  });
}

function cellOf(type: ColumnType, column: ColumnData, row: number): unknown {
  if (column.indices !== undefined) return cellOf(type, column.dictionary!, checkedIndex(column, row));
  if (column.validity !== undefined && (column.validity[row >> 3]! & (1 << (row & 7))) === 0) return null;
  if (typeof type === 'object') {
    if ('struct' in type) {
      return Object.fromEntries(
        type.struct.map((field, i) => [field.name, cellOf(field.type, column.children![i]!, row)]),
      );
    }
    return between(column.offsets!, row).map((item) => cellOf(type.list, column.children![0]!, item));
  }
  if (type === 'text') return textOf(column, row);
  if (type === 'attributes') return attributesOf(column, row);
  return type === 'bool' ? column.values![row] === 1 : column.values![row];
}

function checkedIndex({ indices, dictionary }: ColumnData, row: number): number {
  const index = indices![row]!;
  if (index < 0 || index >= dictionary!.length) throw new RangeError(`index ${index} is not in the dictionary`);
  return index;
}

function between(offsets: Int32Array, row: number): number[] {
  const length = offsets[row + 1]! - offsets[row]!;
  if (!(length >= 0)) throw new RangeError(`offsets go back at row ${row}`);
  return Array.from({ length }, (_, i) => offsets[row]! + i);
}

function textOf({ offsets, values }: ColumnData, row: number): string {
  const [start, end] = [offsets![row]!, offsets![row + 1]!];
  if (start > end || end > values!.length) throw new RangeError(`text is out of bounds at row ${row}`);
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode((values as Uint8Array).slice(start, end));
}

function attributesOf(column: ColumnData, row: number): Row {
  const entries = attributeEntries(column);
  const attributes: Row = {};
  for (const entry of between(column.offsets!, row)) {
    const key = textOf(entries.keys, checkedIndex(column.children![0]!, entry));
    if (Object.hasOwn(attributes, key)) throw new RangeError(`key ${key} comes twice at row ${row}`);
    const type = ATTRIBUTE_TYPES[entries.typeOf[entry]!]!;
    const text = textOf(column.children![3]!, entry);
    Object.defineProperty(attributes, key, {
      value: { type, value: attributeValue(type, entries, entry, text) },
      enumerable: true,
    });
  }
  return attributes;
}

function attributeValue(
  type: (typeof ATTRIBUTE_TYPES)[number],
  { ints, doubles }: ReturnType<typeof attributeEntries>,
  entry: number,
  text: string,
): unknown {
  switch (type) {
    case 'int':
      return ints[entry];
    case 'double':
      return doubles[entry];
    case 'bool':
      return ints[entry] === 1n;
    default:
      return text;
  }
}

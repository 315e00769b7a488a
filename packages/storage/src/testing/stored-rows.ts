import { type AttributeColumn, TABLES, type TableName, typesColumnOf } from '@openwit/ports';
import type { PlainAttribute, PlainRow, PlainValue } from '@openwit/ports/testing';
import { timestampText } from '../parquet/column-stats.ts';
import { doubleText } from '../parquet/double-text.ts';
import { SORT_COLUMNS } from '../parquet/sort-order.ts';
import { COLUMN_MAPS } from '../parquet/stored-layout.ts';

/** By the sort columns, names by their bytes; rows that are equal there as they came. */
export function inOrder(table: TableName, rows: readonly PlainRow[]): PlainRow[] {
  const compare = (a: PlainRow, b: PlainRow) =>
    SORT_COLUMNS[table].reduce((order, column) => order || compareValues(a[column], b[column]), 0);
  return rows.toSorted(compare);
}

function compareValues(a: unknown, b: unknown): number {
  if (typeof a === 'bigint') return Number(a - (b as bigint));
  return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string));
}

/** Integers beyond 2^53 keep their digits. */
export function exactNumbers(_: string, value: unknown, context: { source?: string }): unknown {
  if (typeof value !== 'number') return value;
  return /^-?\d+$/.test(context.source!) && !Number.isSafeInteger(value) ? context.source : value;
}

/** The row as DuckDB's JSON has it. */
export function storedRow(
  table: TableName,
  row: PlainRow,
  columns: readonly AttributeColumn[],
): Record<string, unknown> {
  const stored: Record<string, unknown> = {};
  for (const { name, type, nullable } of TABLES[table]) {
    if (type !== 'attributes') {
      stored[name] = storedValue(type, row[name] ?? null, nullable);
      continue;
    }
    const attributes = row[name] as readonly PlainAttribute[];
    const own = COLUMN_MAPS.includes(name) ? columns.filter(({ map }) => map === name) : [];
    const { map, types } = storedMaps(attributes.filter(({ key }) => !own.some((column) => column.key === key)));
    stored[name] = map;
    if (typesColumnOf(name) !== name) stored[typesColumnOf(name)] = types;
    for (const column of own) {
      const attribute = attributes.find(({ key }) => key === column.key);
      stored[column.name] = attribute === undefined ? null : plain(attribute.value);
    }
  }
  return stored;
}

function storedValue(type: (typeof TABLES)['logs'][number]['type'], value: PlainValue, nullable: boolean): unknown {
  if (value === null && nullable) return null;
  if (typeof type === 'string')
    return type === 'timestamp_ns' ? timestampText(value as bigint).replace(/\.?0+$/, '') : plain(value);
  if ('list' in type) return (value as PlainValue[]).map((element) => storedValue(type.list, element, false));
  const fields = type.struct.flatMap((field): [string, unknown][] => {
    const part = (value as Record<string, PlainValue>)[field.name]!;
    if (field.type !== 'attributes') return [[field.name, storedValue(field.type, part, field.nullable)]];
    const { map, types } = storedMaps(part as readonly PlainAttribute[]);
    return [
      [field.name, map],
      [typesColumnOf(field.name), types],
    ];
  });
  return Object.fromEntries(fields);
}

function storedMaps(attributes: readonly PlainAttribute[]): {
  map: Record<string, unknown>;
  types: Record<string, string>;
} {
  const text = ({ type, value }: PlainAttribute): unknown =>
    type === 'double' ? doubleText(value as number) : value === null ? null : String(value);
  return {
    map: Object.fromEntries(attributes.map((attribute) => [attribute.key, text(attribute)])),
    types: Object.fromEntries(attributes.filter(({ type }) => type !== 'string').map(({ key, type }) => [key, type])),
  };
}

function plain(value: PlainValue): unknown {
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

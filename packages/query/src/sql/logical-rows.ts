import { type AttributeColumn, type StoredValue, TABLES } from '@openwit/ports';
import { doubleText } from '../memory/double-text.ts';
import type { HiddenColumn } from './attribute-access.ts';
import type { LogicalColumn } from './logical-table.ts';
import { type FileGroup, keyColumn, type TableRead, TIME, typeWordOf } from './table-sql.ts';

/** A value a row of each stored column, by its name. */
export type StoredRows = ReadonlyMap<string, readonly StoredValue[]>;

type Values = readonly StoredValue[];

/**
 * What `tableSql` makes of the stored columns of a file by SQL, for rows that are here: attribute columns go back into their maps,
 * and keys out of them. @returns a value a row of each of the table's columns, then of each hidden one
 */
export function logicalRows(read: TableRead, group: FileGroup, rows: StoredRows, count: number): Values[] {
  const nothing = new Array<StoredValue>(count).fill(null);
  const isRead = (name: string) => group.known?.isExact !== true || !read.inConditions.has(name);
  const own = (name: string, empty: StoredValue): Values => rows.get(name) ?? new Array<StoredValue>(count).fill(empty);
  return [
    ...read.columns.map((column) => {
      if (!isRead(column.name) || (read.isTimeUnread && column.name === TIME)) return nothing;
      const { name: map, type } = TABLES[read.table][column.index]!;
      if (type !== 'attributes') return own(column.name, []);
      const entries = group.stored.filter((stored) => stored.map === map).flatMap((stored) => entryOf(column, stored));
      return own(column.name, NO_ENTRIES).map((value, i) =>
        merged(value as ReadonlyMap<string, StoredValue>, entries, rows, i),
      );
    }),
    ...read.hidden.map((column) => (isRead(column.name) ? keyValues(column, group, rows, nothing) : nothing)),
  ];
}

const NO_ENTRIES: ReadonlyMap<string, StoredValue> = new Map();

interface Entry {
  readonly key: string;
  readonly column: string;
  textOf(value: StoredValue): string;
}

/** What an attribute column adds to a map of values, or of types. */
function entryOf({ part }: LogicalColumn, { key, name, type }: AttributeColumn): Entry[] {
  if (part === 'value') return [{ key, column: name, textOf }];
  const word = typeWordOf(type);
  return word === undefined ? [] : [{ key, column: name, textOf: () => word }];
}

/** In the order in which DuckDB sorts entries: by the bytes of their keys. */
function merged(
  map: ReadonlyMap<string, StoredValue>,
  entries: readonly Entry[],
  rows: StoredRows,
  row: number,
): ReadonlyMap<string, StoredValue> {
  const all = [...map];
  for (const { key, column, textOf: text } of entries) {
    const value = rows.get(column)![row]!;
    if (value !== null) all.push([key, text(value)]);
  }
  return new Map(all.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
}

function keyValues(hidden: HiddenColumn, { stored, empty }: FileGroup, rows: StoredRows, nothing: Values): Values {
  const { map, key, part } = hidden;
  const column = keyColumn(hidden, stored);
  if (column === undefined || (column === map && empty.has(map))) return nothing;
  const values = rows.get(column)!;
  if (column === map) return values.map((value) => (value as ReadonlyMap<string, StoredValue>).get(key) ?? null);
  return part === 'text' || part === 'rest' ? values.map((value) => (value === null ? null : textOf(value))) : values;
}

/** As DuckDB casts it. */
function textOf(value: StoredValue): string {
  return typeof value === 'number' ? doubleText(value) : String(value);
}

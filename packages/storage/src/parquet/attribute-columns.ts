import type { AttributeColumn, AttributeType } from '@openwit/ports';
import type { KeyCensus } from './attribute-census.ts';

export interface AttributeColumnSettings {
  /** The least share of a batch's rows that must have a key for it to be a column, 0 to 1. */
  readonly minShare: number;
  /** The most attribute columns that a table may ever have; keys beyond stay in the map. */
  readonly maxPerTable: number;
}

export const DEFAULT_ATTRIBUTE_COLUMNS: AttributeColumnSettings = { minShare: 0.1, maxPerTable: 200 };

/** What the table has already. */
export interface KnownColumns {
  readonly columns: readonly AttributeColumn[];
  readonly nextFieldId: number;
}

export interface AttributeColumnPlan {
  /** The attribute columns of this file, in order. Every other key is wholly in its map. */
  readonly columns: readonly AttributeColumn[];
  /** Those of them that the table did not have. */
  readonly newColumns: readonly AttributeColumn[];
}

const COLUMN_TYPES: Partial<Record<AttributeType, AttributeColumn['type']>> = {
  string: 'text',
  int: 'int64',
  double: 'float64',
  bool: 'bool',
};

const LONGEST_KEY = 128;

/** Chooses which keys of a batch become columns, the most frequent first when the table's columns run out. */
export function planAttributeColumns(
  census: readonly KeyCensus[],
  rows: number,
  known: KnownColumns,
  settings: AttributeColumnSettings,
): AttributeColumnPlan {
  const columnOf = new Map(known.columns.map((column) => [foldedName(column), column]));
  const columns: AttributeColumn[] = [];
  const newColumns: AttributeColumn[] = [];
  for (const entry of census.filter(({ rows: count }) => count >= settings.minShare * rows).sort(byRows)) {
    const type = columnTypeOf(entry);
    if (type === undefined) continue;
    const existing = columnOf.get(foldedName(entry));
    if (existing !== undefined) {
      if (existing.map === entry.map && existing.key === entry.key && existing.type === type) columns.push(existing);
      continue;
    }
    if (columnOf.size >= settings.maxPerTable || !isColumnName(entry.key)) continue;
    const { map, key } = entry;
    const column = { fieldId: known.nextFieldId + newColumns.length, map, key, name: `${map}.${key}`, type };
    columnOf.set(foldedName(column), column);
    columns.push(column);
    newColumns.push(column);
  }
  return { columns: columns.sort((a, b) => a.fieldId - b.fieldId), newColumns };
}

/** DuckDB's column names ignore case: of two keys that differ in nothing else, one can be a column. */
function foldedName({ map, key }: { map: string; key: string }): string {
  return `${map}.${key}`.toLowerCase();
}

/** Undefined when only the map can hold every value of the key. */
function columnTypeOf({ types, repeated }: KeyCensus): AttributeColumn['type'] | undefined {
  return types.length === 1 && !repeated ? COLUMN_TYPES[types[0]!] : undefined;
}

function isColumnName(key: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return key.length > 0 && key.length <= LONGEST_KEY && key.isWellFormed() && !/[\u0000-\u001f\u007f\ufffd]/.test(key);
}

function byRows(a: KeyCensus, b: KeyCensus): number {
  return b.rows - a.rows || (a.map + a.key < b.map + b.key ? -1 : 1);
}

import type { AttributeColumn, CatalogTable } from '@openwit/ports';
import { COLUMN_MAPS, type StoredColumn, type StoredType, storedAttributeColumn } from '../parquet/stored-layout.ts';
import type { Row, SqlSession, SqlValue } from './sql-database.ts';

export interface TableColumns extends Pick<CatalogTable, 'fieldIds' | 'attributeColumns'> {
  readonly types: ReadonlyMap<number, StoredType>;
  readonly lastFieldId: number;
}

const ATTRIBUTE_TYPES: Partial<Record<StoredType, AttributeColumn['type']>> = {
  varchar: 'text',
  int64: 'int64',
  float64: 'float64',
  boolean: 'bool',
};

/** A table's columns as the catalog has them. A column's id is its Parquet field id. */
export async function readColumns(sql: SqlSession, tableId: number): Promise<TableColumns> {
  const rows = await sql.all(
    `SELECT column_id, column_name, column_type, parent_column, end_snapshot FROM ducklake_column
     WHERE table_id = ? ORDER BY column_id`,
    tableId,
  );
  const paths = new Map<number, string>();
  const fieldIds = new Map<string, number>();
  const types = new Map<number, StoredType>();
  const attributeColumns: AttributeColumn[] = [];
  for (const row of rows.filter(({ end_snapshot }) => end_snapshot === null)) {
    const fieldId = row.column_id as number;
    types.set(fieldId, row.column_type as StoredType);
    const attribute = attributeColumn(row);
    if (attribute !== undefined) {
      attributeColumns.push(attribute);
      continue;
    }
    const parent = row.parent_column === null ? '' : `${paths.get(row.parent_column as number)}.`;
    const path = parent + (row.column_name as string);
    paths.set(fieldId, path);
    fieldIds.set(path, fieldId);
  }
  return { fieldIds, types, attributeColumns, lastFieldId: (rows.at(-1)?.column_id as number | undefined) ?? 0 };
}

/** The columns of a new table, depth first, with the ids from 1 on. */
export async function insertFixedColumns(
  sql: SqlSession,
  tableId: number,
  snapshotId: number,
  columns: readonly StoredColumn[],
): Promise<void> {
  const idOf = new Map(columns.map(({ path }, i) => [path, i + 1]));
  const rows = columns.map((column) => {
    const parent = column.path.slice(0, -column.name.length - 1);
    return columnRow(tableId, snapshotId, column, idOf.get(column.path)!, idOf.get(parent) ?? null);
  });
  await sql.insert('ducklake_column', COLUMN_FIELDS, rows);
}

export async function insertAttributeColumns(
  sql: SqlSession,
  tableId: number,
  snapshotId: number,
  columns: readonly AttributeColumn[],
): Promise<void> {
  const rows = columns.map((column) =>
    columnRow(tableId, snapshotId, storedAttributeColumn(column), column.fieldId, null),
  );
  await sql.insert('ducklake_column', COLUMN_FIELDS, rows);
}

const COLUMN_FIELDS = [
  'column_id',
  'begin_snapshot',
  'table_id',
  'column_order',
  'column_name',
  'column_type',
  'default_value',
  'nulls_allowed',
  'parent_column',
  'default_value_type',
  'default_value_dialect',
];

function columnRow(
  tableId: number,
  snapshotId: number,
  { name, type, children }: StoredColumn,
  fieldId: number,
  parent: number | null,
): SqlValue[] {
  const valueType = children.length > 0 ? '' : 'literal';
  return [fieldId, snapshotId, tableId, fieldId, name, type, 'NULL', true, parent, valueType, 'duckdb'];
}

/** Attribute columns are those at the top whose name has a dot: `attributes.http.route`. */
function attributeColumn(row: Row): AttributeColumn | undefined {
  const name = row.column_name as string;
  const map = name.slice(0, Math.max(0, name.indexOf('.')));
  const type = ATTRIBUTE_TYPES[row.column_type as StoredType];
  if (row.parent_column !== null || type === undefined || !COLUMN_MAPS.includes(map)) return undefined;
  return { fieldId: row.column_id as number, map, key: name.slice(map.length + 1), name, type };
}

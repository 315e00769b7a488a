import type { AttributeColumn, CatalogTable } from '@openwit/ports';
import { COLUMN_MAPS, type StoredColumn, type StoredType, storedAttributeColumn } from '../parquet/stored-layout.ts';
import type { Row, SqliteDatabase } from './sqlite-database.ts';

type TableColumns = Pick<CatalogTable, 'fieldIds' | 'attributeColumns' | 'nextFieldId'>;

const ATTRIBUTE_TYPES: Partial<Record<StoredType, AttributeColumn['type']>> = {
  varchar: 'text',
  int64: 'int64',
  float64: 'float64',
  boolean: 'bool',
};

/** A table's columns as the catalog has them. A column's id is its Parquet field id. */
export function readColumns(database: SqliteDatabase, tableId: number): TableColumns {
  const rows = database.all(
    `SELECT column_id, column_name, column_type, parent_column, end_snapshot FROM ducklake_column
     WHERE table_id = ? ORDER BY column_id`,
    tableId,
  );
  const paths = new Map<number, string>();
  const fieldIds = new Map<string, number>();
  const attributeColumns: AttributeColumn[] = [];
  for (const row of rows.filter(({ end_snapshot }) => end_snapshot === null)) {
    const fieldId = row.column_id as number;
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
  return { fieldIds, attributeColumns, nextFieldId: 1 + ((rows.at(-1)?.column_id as number | undefined) ?? 0) };
}

/** The columns of a new table, depth first, with the ids from 1 on. */
export function insertFixedColumns(
  database: SqliteDatabase,
  tableId: number,
  snapshotId: number,
  columns: readonly StoredColumn[],
): void {
  const idOf = new Map(columns.map(({ path }, i) => [path, i + 1]));
  for (const column of columns) {
    const parent = column.path.slice(0, -column.name.length - 1);
    insertColumn(database, tableId, snapshotId, column, idOf.get(column.path)!, idOf.get(parent) ?? null);
  }
}

export function insertAttributeColumns(
  database: SqliteDatabase,
  tableId: number,
  snapshotId: number,
  columns: readonly AttributeColumn[],
): void {
  for (const column of columns) {
    insertColumn(database, tableId, snapshotId, storedAttributeColumn(column), column.fieldId, null);
  }
}

function insertColumn(
  database: SqliteDatabase,
  tableId: number,
  snapshotId: number,
  { name, type, children }: StoredColumn,
  fieldId: number,
  parent: number | null,
): void {
  database.run(
    `INSERT INTO ducklake_column(column_id, begin_snapshot, table_id, column_order, column_name, column_type,
       default_value, nulls_allowed, parent_column, default_value_type, default_value_dialect)
     VALUES (?, ?, ?, ?, ?, ?, 'NULL', 1, ?, ?, 'duckdb')`,
    fieldId,
    snapshotId,
    tableId,
    fieldId,
    name,
    type,
    parent,
    children.length > 0 ? '' : 'literal',
  );
}

/** Attribute columns are those at the top whose name has a dot: `attributes.http.route`. */
function attributeColumn(row: Row): AttributeColumn | undefined {
  const name = row.column_name as string;
  const map = name.slice(0, Math.max(0, name.indexOf('.')));
  const type = ATTRIBUTE_TYPES[row.column_type as StoredType];
  if (row.parent_column !== null || type === undefined || !COLUMN_MAPS.includes(map)) return undefined;
  return { fieldId: row.column_id as number, map, key: name.slice(map.length + 1), name, type };
}

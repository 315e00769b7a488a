import { type CatalogTable, type Clock, OpenWitError, type Random, type TableName } from '@openwit/ports';
import { type StoredType, storedColumns, withChildren } from '../parquet/stored-layout.ts';
import { addSchemaVersion, addSnapshot, lastSnapshot } from './snapshots.ts';
import type { SqlSession } from './sql-database.ts';
import { insertFixedColumns, readColumns } from './table-columns.ts';
import { quoted, uuid } from './text-forms.ts';

export interface OpenTable extends CatalogTable {
  readonly tableId: number;
  readonly types: ReadonlyMap<number, StoredType>;
}

/** The tables that there are, by name. The columns of a wide table are read once a schema version, not at each commit. */
export class Tables {
  readonly #clock: Clock;
  readonly #random: Random;
  #schemaVersion = -1;
  readonly #known = new Map<string, OpenTable>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** @param schemaVersion of the newest snapshot, read before the call and before any change of the same transaction */
  async find(sql: SqlSession, schemaVersion: number, tenant: string, table: TableName): Promise<OpenTable | undefined> {
    if (schemaVersion !== this.#schemaVersion) this.#known.clear();
    this.#schemaVersion = schemaVersion;
    const key = `${tenant}/${table}`;
    const known = this.#known.get(key) ?? (await readTable(sql, tenant, table));
    if (known !== undefined && this.#schemaVersion === schemaVersion) this.#known.set(key, known);
    return known;
  }

  /** In a transaction; with its tenant's schema when there is none. */
  async create(sql: SqlSession, tenant: string, table: TableName): Promise<OpenTable> {
    const schema = await findSchema(sql, tenant);
    const changes = [`created_table:${quoted(tenant)}.${quoted(table)}`];
    if (schema === undefined) changes.unshift(`created_schema:${quoted(tenant)}`);
    const change = { changes, objects: changes.length, files: 0, isAltered: true };
    const ids = await addSnapshot(sql, this.#clock, await lastSnapshot(sql), change);
    const schemaId = schema ?? ids.firstCatalogId;
    const tableId = ids.firstCatalogId + changes.length - 1;
    if (schema === undefined) {
      await sql.insert('ducklake_schema', SCHEMA_FIELDS, [
        [schemaId, uuid(this.#random), ids.snapshotId, tenant, `${tenant}/`, true],
      ]);
    }
    await sql.insert('ducklake_table', TABLE_FIELDS, [
      [tableId, uuid(this.#random), ids.snapshotId, schemaId, table, `${table}/`, true],
    ]);
    await sql.run(
      'INSERT INTO ducklake_table_stats(table_id, record_count, next_row_id, file_size_bytes) VALUES (?, 0, 0, 0)',
      tableId,
    );
    await addSchemaVersion(sql, tableId, ids);
    await insertFixedColumns(sql, tableId, ids.snapshotId, [...withChildren(storedColumns(table))]);
    return (await readTable(sql, tenant, table))!;
  }
}

const SCHEMA_FIELDS = ['schema_id', 'schema_uuid', 'begin_snapshot', 'schema_name', 'path', 'path_is_relative'];
const TABLE_FIELDS = [
  'table_id',
  'table_uuid',
  'begin_snapshot',
  'schema_id',
  'table_name',
  'path',
  'path_is_relative',
];

/** Names of all tables, in the order they were made. */
export async function tableNames(sql: SqlSession): Promise<{ tenant: string; table: TableName }[]> {
  const rows = await sql.all(
    `SELECT schema_name, table_name FROM ducklake_table t JOIN ducklake_schema s ON s.schema_id = t.schema_id
     WHERE t.end_snapshot IS NULL AND s.end_snapshot IS NULL ORDER BY table_id`,
  );
  return rows.map((row) => ({ tenant: row.schema_name as string, table: row.table_name as TableName }));
}

async function readTable(sql: SqlSession, tenant: string, table: TableName): Promise<OpenTable | undefined> {
  const row = await sql.get(
    `SELECT table_id FROM ducklake_table t JOIN ducklake_schema s ON s.schema_id = t.schema_id
     WHERE schema_name = ? AND table_name = ? AND t.end_snapshot IS NULL AND s.end_snapshot IS NULL`,
    tenant,
    table,
  );
  if (row === undefined) return undefined;
  const tableId = row.table_id as number;
  const { lastFieldId, ...columns } = await readColumns(sql, tableId);
  const before = await lastDroppedFieldId(sql, tenant, table);
  return { tenant, table, tableId, ...columns, nextFieldId: 1 + Math.max(lastFieldId, before) };
}

/** A batch that was encoded for a table that was dropped meanwhile must not find its columns' ids in the next one of that name. */
async function lastDroppedFieldId(sql: SqlSession, tenant: string, table: TableName): Promise<number> {
  const row = await sql.get(
    `SELECT max(column_id) AS last FROM ducklake_column c
     JOIN ducklake_table t ON t.table_id = c.table_id JOIN ducklake_schema s ON s.schema_id = t.schema_id
     WHERE schema_name = ? AND table_name = ? AND t.end_snapshot IS NOT NULL`,
    tenant,
    table,
  );
  return (row?.last as number | null) ?? 0;
}

/** DuckDB's names ignore case, and so do some file systems: two tenants may not differ in nothing else. */
async function findSchema(sql: SqlSession, tenant: string): Promise<number | undefined> {
  const row = await sql.get(
    'SELECT schema_id, schema_name FROM ducklake_schema WHERE lower(schema_name) = lower(?) AND end_snapshot IS NULL',
    tenant,
  );
  if (row === undefined) return undefined;
  if (row.schema_name === tenant) return row.schema_id as number;
  const message = `another tenant differs only in case, tenant=${tenant} other=${row.schema_name}`;
  throw new OpenWitError('invalid', 'INVALID_TENANT', message);
}

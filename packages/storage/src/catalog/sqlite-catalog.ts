import { join, resolve } from 'node:path';
import {
  type Catalog,
  type CatalogCommit,
  type CatalogTable,
  type Clock,
  checkTenant,
  type DataFile,
  OpenWitError,
  type Random,
  type SourcePosition,
  systemRandom,
  type TableName,
  type WalRange,
} from '@openwit/ports';
import { storedColumns, withChildren } from '../parquet/stored-layout.ts';
import { insertFiles, type SnapshotIds } from './data-files.ts';
import { migrate } from './migrations.ts';
import { type Row, SqliteDatabase } from './sqlite-database.ts';
import { insertAttributeColumns, insertFixedColumns, readColumns } from './table-columns.ts';
import { quoted, snapshotTime, uuid } from './text-forms.ts';

export interface SqliteCatalogSettings {
  /** The SQLite file, or `:memory:`. */
  readonly path: string;
  /** The folder of the Parquet files. */
  readonly dataPath: string;
}

interface OpenTable extends CatalogTable {
  readonly tableId: number;
}

/**
 * The catalog in one SQLite file: the tables of DuckLake 1.0, so that any DuckDB attaches it, beside our own
 * (`openwit_*`). A commit is one transaction, durable by the time it resolves. One process writes; any number read.
 */
export class SqliteCatalog implements Catalog {
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #dataPath: string;
  /** Names this node's folders: eight hex digits, made with the catalog. */
  readonly nodeId: string;

  /** @throws data / STORE_CORRUPTION; unavailable / STORE_UNAVAILABLE */
  static async open(
    { clock, random = systemRandom }: { readonly clock: Clock; readonly random?: Random },
    settings: SqliteCatalogSettings,
  ): Promise<SqliteCatalog> {
    const database = new SqliteDatabase(settings.path);
    try {
      return new SqliteCatalog(database, clock, random, resolve(settings.dataPath));
    } catch (error) {
      database.close();
      throw error;
    }
  }

  private constructor(database: SqliteDatabase, clock: Clock, random: Random, dataPath: string) {
    migrate(database, { clock, random, dataPath });
    this.#database = database;
    this.#clock = clock;
    this.#random = random;
    this.#dataPath = dataPath;
    this.nodeId = this.#meta('node_id');
  }

  async openTable(tenant: string, table: TableName): Promise<CatalogTable> {
    checkTenant(tenant);
    const known = this.#findTable(tenant, table);
    if (known !== undefined) return known;
    return this.#database.transaction(() => this.#createTable(tenant, table));
  }

  async tables(): Promise<readonly CatalogTable[]> {
    const rows = this.#database.all(
      `SELECT schema_name, table_name FROM ducklake_table JOIN ducklake_schema USING (schema_id)
       WHERE ducklake_table.end_snapshot IS NULL ORDER BY table_id`,
    );
    return rows.map((row) => this.#table(row.schema_name as string, row.table_name as TableName));
  }

  async files(tenant: string, table: TableName): Promise<readonly DataFile[]> {
    const known = this.#findTable(tenant, table);
    if (known === undefined) return [];
    const rows = this.#database.allExact(
      `SELECT data_file_id, path, path_is_relative, record_count, file_size_bytes,
              min_timestamp_ns, max_timestamp_ns, attribute_column_ids
       FROM ducklake_data_file JOIN openwit_files USING (data_file_id)
       WHERE table_id = ? AND end_snapshot IS NULL ORDER BY data_file_id`,
      known.tableId,
    );
    return rows.map((row) => this.#dataFile(tenant, table, row));
  }

  async commit(commit: CatalogCommit): Promise<readonly DataFile[]> {
    return this.#database.transaction(() => {
      if (this.#isCommitted(commit.ranges)) return [];
      const { tableId } = this.#table(commit.tenant, commit.table);
      const isAltered = commit.newColumns.length > 0;
      const changes = `inserted_into_table:${tableId}${isAltered ? `,altered_table:${tableId}` : ''}`;
      const ids = this.#addSnapshot(changes, { objects: 0, files: commit.files.length, isAltered });
      if (isAltered) {
        insertAttributeColumns(this.#database, tableId, ids.snapshotId, commit.newColumns);
        this.#addSchemaVersion(tableId, ids);
      }
      const folder = this.#folder(commit.tenant, commit.table);
      const files = insertFiles(this.#database, { tableId, folder, ids, files: commit.files });
      this.#recordProgress(commit.ranges, commit.sources);
      return files;
    });
  }

  async committedRanges(): Promise<readonly WalRange[]> {
    const rows = this.#database.all('SELECT batch_id, through_lsn FROM openwit_ranges ORDER BY batch_id');
    return rows.map((row) => ({ batchId: row.batch_id as number, throughLsn: row.through_lsn as number }));
  }

  async forgetRanges(batchIds: readonly number[]): Promise<void> {
    this.#database.transaction(() => {
      for (const batchId of batchIds) this.#database.run('DELETE FROM openwit_ranges WHERE batch_id = ?', batchId);
    });
  }

  async sourcePositions(): Promise<readonly SourcePosition[]> {
    const rows = this.#database.all('SELECT source, next FROM openwit_sources ORDER BY source');
    return rows.map((row) => ({ source: row.source as string, next: row.next as number }));
  }

  async nextBatchId(): Promise<number> {
    return Number(this.#meta('next_batch_id'));
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #meta(key: string): string {
    return this.#database.get('SELECT value FROM openwit_meta WHERE key = ?', key)!.value as string;
  }

  #isCommitted(ranges: readonly WalRange[]): boolean {
    const committed = ranges.filter(({ batchId, throughLsn }) => {
      const row = this.#database.get('SELECT through_lsn FROM openwit_ranges WHERE batch_id = ?', batchId);
      return row !== undefined && (row.through_lsn as number) >= throughLsn;
    });
    if (committed.length > 0 && committed.length < ranges.length) {
      throw new OpenWitError('internal', 'INTERNAL', 'a commit repeats some of the committed ranges, not all');
    }
    return committed.length > 0;
  }

  #recordProgress(ranges: readonly WalRange[], sources: readonly SourcePosition[]): void {
    for (const { batchId, throughLsn } of ranges) {
      this.#database.run('INSERT OR REPLACE INTO openwit_ranges VALUES (?, ?)', batchId, throughLsn);
      this.#database.run(
        `UPDATE openwit_meta SET value = ? WHERE key = 'next_batch_id' AND CAST(value AS INTEGER) < ?`,
        String(batchId + 1),
        batchId + 1,
      );
    }
    for (const { source, next } of sources) {
      this.#database.run(
        'INSERT INTO openwit_sources VALUES (?, ?) ON CONFLICT(source) DO UPDATE SET next = max(next, excluded.next)',
        source,
        next,
      );
    }
  }

  #table(tenant: string, table: TableName): OpenTable {
    const known = this.#findTable(tenant, table);
    if (known !== undefined) return known;
    throw new OpenWitError('internal', 'INTERNAL', `no such table in the catalog, tenant=${tenant} table=${table}`);
  }

  #findTable(tenant: string, table: TableName): OpenTable | undefined {
    const row = this.#database.get(
      `SELECT table_id FROM ducklake_table JOIN ducklake_schema USING (schema_id)
       WHERE schema_name = ? AND table_name = ? AND ducklake_table.end_snapshot IS NULL`,
      tenant,
      table,
    );
    if (row === undefined) return undefined;
    const tableId = row.table_id as number;
    return { tenant, table, tableId, ...readColumns(this.#database, tableId) };
  }

  #createTable(tenant: string, table: TableName): OpenTable {
    const schema = this.#findSchema(tenant);
    const changes = [`created_table:${quoted(tenant)}.${quoted(table)}`];
    if (schema === undefined) changes.unshift(`created_schema:${quoted(tenant)}`);
    const ids = this.#addSnapshot(changes.join(','), { objects: changes.length, files: 0, isAltered: true });
    const schemaId = schema ?? ids.firstCatalogId;
    const tableId = ids.firstCatalogId + changes.length - 1;
    if (schema === undefined) {
      this.#database.run(
        'INSERT INTO ducklake_schema VALUES (?, ?, ?, NULL, ?, ?, 1)',
        schemaId,
        uuid(this.#random),
        ids.snapshotId,
        tenant,
        `${tenant}/`,
      );
    }
    this.#database.run(
      'INSERT INTO ducklake_table VALUES (?, ?, ?, NULL, ?, ?, ?, 1)',
      tableId,
      uuid(this.#random),
      ids.snapshotId,
      schemaId,
      table,
      `${table}/`,
    );
    this.#database.run('INSERT INTO ducklake_table_stats VALUES (?, 0, 0, 0)', tableId);
    this.#addSchemaVersion(tableId, ids);
    insertFixedColumns(this.#database, tableId, ids.snapshotId, [...withChildren(storedColumns(table))]);
    return this.#table(tenant, table);
  }

  /** DuckDB's names ignore case, and so do some file systems: two tenants may not differ in nothing else. */
  #findSchema(tenant: string): number | undefined {
    const row = this.#database.get(
      'SELECT schema_id, schema_name FROM ducklake_schema WHERE lower(schema_name) = lower(?) AND end_snapshot IS NULL',
      tenant,
    );
    if (row === undefined) return undefined;
    if (row.schema_name === tenant) return row.schema_id as number;
    const message = `another tenant differs only in case, tenant=${tenant} other=${row.schema_name}`;
    throw new OpenWitError('invalid', 'INVALID_TENANT', message);
  }

  #addSnapshot(
    changes: string,
    added: { readonly objects: number; readonly files: number; readonly isAltered: boolean },
  ): SnapshotIds {
    const last = this.#database.get('SELECT * FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1')!;
    const ids: SnapshotIds = {
      snapshotId: (last.snapshot_id as number) + 1,
      schemaVersion: (last.schema_version as number) + (added.isAltered ? 1 : 0),
      firstCatalogId: last.next_catalog_id as number,
      firstFileId: last.next_file_id as number,
    };
    this.#database.run(
      'INSERT INTO ducklake_snapshot VALUES (?, ?, ?, ?, ?)',
      ids.snapshotId,
      snapshotTime(this.#clock.now()),
      ids.schemaVersion,
      ids.firstCatalogId + added.objects,
      ids.firstFileId + added.files,
    );
    this.#database.run(
      'INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author) VALUES (?, ?, ?)',
      ids.snapshotId,
      changes,
      'openwit',
    );
    return ids;
  }

  #addSchemaVersion(tableId: number, { snapshotId, schemaVersion }: SnapshotIds): void {
    this.#database.run('INSERT INTO ducklake_schema_versions VALUES (?, ?, ?)', snapshotId, schemaVersion, tableId);
  }

  #folder(tenant: string, table: TableName): string {
    return join(this.#dataPath, tenant, table);
  }

  #dataFile(tenant: string, table: TableName, row: Row): DataFile {
    const path = row.path as string;
    return {
      fileId: Number(row.data_file_id),
      path: row.path_is_relative === 1n ? join(this.#folder(tenant, table), path) : path,
      rows: Number(row.record_count),
      sizeBytes: Number(row.file_size_bytes),
      minTimestampNs: row.min_timestamp_ns as bigint,
      maxTimestampNs: row.max_timestamp_ns as bigint,
      attributeColumnIds: JSON.parse(row.attribute_column_ids as string) as number[],
    };
  }
}

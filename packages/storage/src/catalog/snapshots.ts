import type { Clock } from '@openwit/ports';
import type { SqlSession } from './sql-database.ts';
import { snapshotTime } from './text-forms.ts';

/** The newest snapshot: the numbers that the next one gives out. */
export interface LastSnapshot {
  readonly snapshotId: number;
  readonly schemaVersion: number;
  readonly nextCatalogId: number;
  readonly nextFileId: number;
}

export interface SnapshotIds {
  readonly snapshotId: number;
  readonly schemaVersion: number;
  readonly firstCatalogId: number;
  readonly firstFileId: number;
}

export interface SnapshotChange {
  /** In DuckLake's words: `inserted_into_table:3`. */
  readonly changes: readonly string[];
  /** How many schemas and tables it makes. */
  readonly objects: number;
  readonly files: number;
  /** Whether tables or columns come or go. */
  readonly isAltered: boolean;
}

export async function lastSnapshot(sql: SqlSession): Promise<LastSnapshot> {
  const row = (await sql.get(`SELECT snapshot_id, schema_version, next_catalog_id, next_file_id FROM ducklake_snapshot
     ORDER BY snapshot_id DESC LIMIT 1`))!;
  return {
    snapshotId: row.snapshot_id as number,
    schemaVersion: row.schema_version as number,
    nextCatalogId: row.next_catalog_id as number,
    nextFileId: row.next_file_id as number,
  };
}

export async function addSnapshot(
  sql: SqlSession,
  clock: Clock,
  last: LastSnapshot,
  { changes, objects, files, isAltered }: SnapshotChange,
): Promise<SnapshotIds> {
  const ids: SnapshotIds = {
    snapshotId: last.snapshotId + 1,
    schemaVersion: last.schemaVersion + (isAltered ? 1 : 0),
    firstCatalogId: last.nextCatalogId,
    firstFileId: last.nextFileId,
  };
  await sql.run(
    `INSERT INTO ducklake_snapshot(snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id)
     VALUES (?, ?, ?, ?, ?)`,
    ids.snapshotId,
    snapshotTime(clock.now()),
    ids.schemaVersion,
    ids.firstCatalogId + objects,
    ids.firstFileId + files,
  );
  await sql.run(
    'INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author) VALUES (?, ?, ?)',
    ids.snapshotId,
    changes.join(','),
    'openwit',
  );
  return ids;
}

export async function addSchemaVersion(sql: SqlSession, tableId: number, ids: SnapshotIds): Promise<void> {
  await sql.run(
    'INSERT INTO ducklake_schema_versions(begin_snapshot, schema_version, table_id) VALUES (?, ?, ?)',
    ids.snapshotId,
    ids.schemaVersion,
    tableId,
  );
}

import type { Clock } from '@openwit/ports';
import type { DataPaths } from './data-paths.ts';
import { addGarbage } from './garbage.ts';
import { keptPlaces, PLACE_FIELDS, PLACES } from './kept-places.ts';
import { placeholders, type SqlSession } from './sql-database.ts';
import { snapshotTime } from './text-forms.ts';

/** The last time that is written with four digits of the year. */
const LAST_TIME_MS = 253_402_300_799_999;
/** Files that go in one transaction, with their statistics: 5 ms for files of 200 columns, which others have to wait. */
export const EXPIRY_STEP_FILES = 20;

/**
 * Forgets the snapshots that were followed by another before `beforeMs`. Clocks err: a snapshot that by its own time is
 * younger ends what is forgotten, unless its time is yet to come. The newest snapshot is followed by none.
 * @returns how many went
 */
export async function forgetSnapshots(sql: SqlSession, clock: Clock, beforeMs: number): Promise<number> {
  const before = snapshotTime(Math.max(0, Math.min(beforeMs, LAST_TIME_MS)));
  const younger = await sql.get(
    'SELECT min(snapshot_id) AS id FROM ducklake_snapshot WHERE snapshot_time >= ? AND snapshot_time <= ?',
    before,
    snapshotTime(clock.now()),
  );
  const older = await sql.get(
    'SELECT max(snapshot_id) AS id FROM ducklake_snapshot WHERE snapshot_time < ? AND snapshot_id < ?',
    before,
    younger!.id ?? Number.MAX_SAFE_INTEGER,
  );
  const oldestKept = older!.id ?? 0;
  await sql.run('DELETE FROM ducklake_snapshot_changes WHERE snapshot_id < ?', oldestKept);
  return sql.run('DELETE FROM ducklake_snapshot WHERE snapshot_id < ?', oldestKept);
}

/**
 * Makes garbage of files, and their indexes, that ended with or before the oldest snapshot, and forgets what was kept of them.
 * @returns how many went; fewer than {@link EXPIRY_STEP_FILES}: there are no more
 */
export async function expireFiles(sql: SqlSession, paths: DataPaths, clock: Clock): Promise<number> {
  const rows = await sql.all(
    `SELECT f.data_file_id AS id, node_id, ${PLACE_FIELDS}
     FROM ${PLACES} JOIN openwit_files o ON o.data_file_id = f.data_file_id
     WHERE f.end_snapshot <= (SELECT min(snapshot_id) FROM ducklake_snapshot) LIMIT ${EXPIRY_STEP_FILES}`,
  );
  if (rows.length === 0) return 0;
  const ids = rows.map(({ id }) => id as number);
  for (const table of FILE_TABLES) {
    await sql.run(`DELETE FROM ${table} WHERE data_file_id IN ${placeholders(ids.length)}`, ...ids);
  }
  const sinceMs = clock.now();
  for (const row of rows) {
    for (const path of keptPlaces(paths, row)) {
      await addGarbage(sql, paths, { path, nodeId: row.node_id as string, sinceMs });
    }
  }
  return rows.length;
}

const FILE_TABLES = ['ducklake_file_column_stats', 'openwit_indexes', 'openwit_files', 'ducklake_data_file'];

/** Forgets tables and schemas that no snapshot has, after their files. */
export async function expireTables(sql: SqlSession): Promise<void> {
  const rows = await sql.all(
    `SELECT table_id FROM ducklake_table t WHERE end_snapshot <= (SELECT min(snapshot_id) FROM ducklake_snapshot)
       AND NOT EXISTS (SELECT 1 FROM ducklake_data_file f WHERE f.table_id = t.table_id)`,
  );
  for (const { table_id } of rows) {
    for (const table of TABLE_TABLES) await sql.run(`DELETE FROM ${table} WHERE table_id = ?`, table_id!);
  }
  await sql.run(
    `DELETE FROM ducklake_schema WHERE end_snapshot <= (SELECT min(snapshot_id) FROM ducklake_snapshot)
       AND NOT EXISTS (SELECT 1 FROM ducklake_table t WHERE t.schema_id = ducklake_schema.schema_id)`,
  );
}

const TABLE_TABLES = [
  'ducklake_column',
  'ducklake_table_column_stats',
  'ducklake_table_stats',
  'ducklake_schema_versions',
  'ducklake_table',
];

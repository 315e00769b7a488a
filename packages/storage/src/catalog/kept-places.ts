import { indexedFile, indexPath, type TableName } from '@openwit/ports';
import type { DataPaths } from './data-paths.ts';
import { isTrue, lists, placeholders, type Row, type SqlSession } from './sql-database.ts';

/** What tells where a file and its index are. */
export const PLACE_FIELDS =
  'f.path AS path, f.path_is_relative AS is_relative, schema_name, table_name, i.name AS index_name';

/** All files of all snapshots. */
export const PLACES = `ducklake_data_file f JOIN ducklake_table t ON t.table_id = f.table_id
  JOIN ducklake_schema s ON s.schema_id = t.schema_id LEFT JOIN openwit_indexes i ON i.data_file_id = f.data_file_id`;

/** The place of a file and that of its index. */
export function keptPlaces(paths: DataPaths, row: Row): string[] {
  const kept = { path: row.path as string, isRelative: isTrue(row.is_relative) };
  const path = paths.absolute(row.schema_name as string, row.table_name as TableName, kept);
  const name = row.index_name as string | null;
  return name === null ? [path] : [path, indexPath(path, { name })];
}

/** Where the files are that only older snapshots have, and their indexes. */
export async function retiredPaths(sql: SqlSession, paths: DataPaths): Promise<string[]> {
  const rows = await sql.all(`SELECT ${PLACE_FIELDS} FROM ${PLACES} WHERE f.end_snapshot IS NOT NULL`);
  return rows.flatMap((row) => keptPlaces(paths, row));
}

/** Those of the paths that a file of some snapshot has, or its index. */
export async function takenPaths(
  sql: SqlSession,
  paths: DataPaths,
  wanted: readonly string[],
): Promise<ReadonlySet<string>> {
  const taken = new Set<string>();
  const filePaths = wanted.map((path) => indexedFile(path)?.filePath ?? path);
  for (const candidates of lists(filePaths.flatMap((path) => paths.candidates(path)))) {
    const rows = await sql.all(
      `SELECT ${PLACE_FIELDS} FROM ${PLACES} WHERE f.path IN ${placeholders(candidates.length)}`,
      ...candidates,
    );
    for (const row of rows) for (const path of keptPlaces(paths, row)) taken.add(path);
  }
  return taken;
}

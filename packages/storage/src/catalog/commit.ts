import type { CatalogCommit, Clock, DataFile } from '@openwit/ports';
import { storedAttributeColumn } from '../parquet/stored-layout.ts';
import { tightenTableStats } from './column-stats.ts';
import { conflict, endFiles, insertFiles, rowsOfLive } from './data-files.ts';
import type { DataPaths } from './data-paths.ts';
import { takeFromGarbage } from './garbage.ts';
import { takenPaths } from './kept-places.ts';
import { addSchemaVersion, addSnapshot, type LastSnapshot } from './snapshots.ts';
import type { SqlSession } from './sql-database.ts';
import { insertAttributeColumns } from './table-columns.ts';
import type { OpenTable } from './tables.ts';

export interface PlannedCommit {
  readonly commit: CatalogCommit;
  /** As it is now, which need not be as the plan saw it. */
  readonly table: OpenTable;
  readonly last: LastSnapshot;
}

/** Makes the next snapshot of a table. @throws unavailable / CATALOG_CONFLICT when the plan does not fit the table any more */
export async function applyCommit(
  sql: SqlSession,
  { clock, paths, nodeId }: { readonly clock: Clock; readonly paths: DataPaths; readonly nodeId: string },
  { commit, table, last }: PlannedCommit,
): Promise<readonly DataFile[]> {
  const { files, newColumns } = commit;
  const replaces = [...new Set(commit.replaces)];
  if (files.length + replaces.length + newColumns.length === 0) return [];
  checkColumns(commit, table);
  const newPaths = files.map(({ path }) => path);
  const taken = await takenPaths(sql, paths, newPaths);
  if (taken.size > 0 || new Set(newPaths).size < newPaths.length) throw conflict('a file is in the catalog already');
  const replacedRows = await rowsOfLive(sql, table.tableId, replaces);

  const isAltered = newColumns.length > 0;
  const changes = changesMade(commit, table.tableId, replacedRows);
  const ids = await addSnapshot(sql, clock, last, { changes, objects: 0, files: files.length, isAltered });
  if (isAltered) {
    await insertAttributeColumns(sql, table.tableId, ids.snapshotId, newColumns);
    await addSchemaVersion(sql, table.tableId, ids);
  }
  await endFiles(sql, table.tableId, ids.snapshotId, replaces);
  await takeFromGarbage(sql, paths, newPaths);
  const inserted = await insertFiles(sql, paths, { table: withColumns(table, commit), ids, files, nodeId });
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  if (rows < replacedRows) await tightenTableStats(sql, table, replaces);
  return inserted;
}

/** What the snapshot did, in DuckLake's words. A rewrite that keeps all rows is no change of what the table says. */
function changesMade({ files, replaces, newColumns }: CatalogCommit, tableId: number, replacedRows: number): string[] {
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const words =
    replaces.length > 0 && rows === replacedRows
      ? ['merge_adjacent']
      : [...(replaces.length > 0 ? ['deleted_from_table'] : []), ...(files.length > 0 ? ['inserted_into_table'] : [])];
  if (newColumns.length > 0) words.push('altered_table');
  return words.map((word) => `${word}:${tableId}`);
}

/** Another node may have taken a new column's id, or the table may be another of the same name. */
function checkColumns({ files, newColumns }: CatalogCommit, table: OpenTable): void {
  // DuckDB's column names ignore case.
  const names = new Set(table.attributeColumns.map(({ name }) => name.toLowerCase()));
  if (newColumns.some(({ fieldId, name }) => fieldId < table.nextFieldId || names.has(name.toLowerCase()))) {
    throw conflict('the table has other new columns');
  }
  const ids = new Set([...table.attributeColumns, ...newColumns].map(({ fieldId }) => fieldId));
  if (files.some(({ attributeColumnIds }) => attributeColumnIds.some((id) => !ids.has(id)))) {
    throw conflict('the table does not have all columns of a file');
  }
}

function withColumns(table: OpenTable, { newColumns }: CatalogCommit): OpenTable {
  if (newColumns.length === 0) return table;
  const added = newColumns.map((column) => [column.fieldId, storedAttributeColumn(column).type] as const);
  return {
    ...table,
    types: new Map([...table.types, ...added]),
    attributeColumns: [...table.attributeColumns, ...newColumns],
  };
}

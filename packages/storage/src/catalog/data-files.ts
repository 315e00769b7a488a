import { relative } from 'node:path';
import type { DataFile, FileColumnStats, NewDataFile } from '@openwit/ports';
import type { StoredType } from '../parquet/stored-layout.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import { type TableColumnStats, withFile } from './table-column-stats.ts';

/** The numbers that a new snapshot gives out. */
export interface SnapshotIds {
  readonly snapshotId: number;
  readonly schemaVersion: number;
  readonly firstCatalogId: number;
  readonly firstFileId: number;
}

export interface FileInsert {
  readonly tableId: number;
  /** The table's folder; files are kept relative to it. */
  readonly folder: string;
  readonly ids: SnapshotIds;
  readonly files: readonly NewDataFile[];
}

/** Adds files to a table with all that DuckLake keeps of them. */
export function insertFiles(database: SqliteDatabase, { tableId, folder, ids, files }: FileInsert): DataFile[] {
  return files.map((file, i) => {
    const fileId = ids.firstFileId + i;
    const stats = database.get('SELECT next_row_id FROM ducklake_table_stats WHERE table_id = ?', tableId)!;
    database.run(
      `INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path, path_is_relative, file_format,
         record_count, file_size_bytes, footer_size, row_id_start) VALUES (?, ?, ?, ?, 1, 'parquet', ?, ?, ?, ?)`,
      fileId,
      tableId,
      ids.snapshotId,
      relative(folder, file.path),
      file.rows,
      file.sizeBytes,
      file.footerBytes,
      stats.next_row_id as number,
    );
    database.run(
      'INSERT INTO openwit_files VALUES (?, ?, ?, ?)',
      fileId,
      file.minTimestampNs,
      file.maxTimestampNs,
      JSON.stringify(file.attributeColumnIds),
    );
    database.run(
      `UPDATE ducklake_table_stats SET record_count = record_count + ?1, next_row_id = next_row_id + ?1,
         file_size_bytes = file_size_bytes + ?2 WHERE table_id = ?3`,
      file.rows,
      file.sizeBytes,
      tableId,
    );
    insertColumnStats(database, tableId, fileId, file.columnStats);
    const { footerBytes: _, columnStats: __, ...known } = file;
    return { fileId, ...known };
  });
}

/** The table's statistics must cover the file before anyone sees it: a reader skips what they leave out. */
function insertColumnStats(
  database: SqliteDatabase,
  tableId: number,
  fileId: number,
  columns: readonly FileColumnStats[],
): void {
  for (const column of columns) {
    const merged = mergedStats(database, tableId, column);
    database.run(
      'INSERT INTO ducklake_file_column_stats VALUES (?, ?, ?, NULL, ?, ?, ?, ?, ?, NULL)',
      fileId,
      tableId,
      column.fieldId,
      column.valueCount,
      column.nullCount,
      column.min ?? null,
      column.max ?? null,
      flag(column.containsNan),
    );
    database.run(
      'DELETE FROM ducklake_table_column_stats WHERE table_id = ? AND column_id = ?',
      tableId,
      column.fieldId,
    );
    database.run(
      'INSERT INTO ducklake_table_column_stats VALUES (?, ?, ?, ?, ?, ?, NULL)',
      tableId,
      column.fieldId,
      flag(merged.containsNull),
      flag(merged.containsNan),
      merged.min ?? null,
      merged.max ?? null,
    );
  }
}

function mergedStats(database: SqliteDatabase, tableId: number, column: FileColumnStats): TableColumnStats {
  const definition = database.get(
    'SELECT column_type, column_name FROM ducklake_column WHERE table_id = ? AND column_id = ? AND end_snapshot IS NULL',
    tableId,
    column.fieldId,
  )!;
  const row = database.get(
    'SELECT * FROM ducklake_table_column_stats WHERE table_id = ? AND column_id = ?',
    tableId,
    column.fieldId,
  );
  const current: TableColumnStats = {
    // A file without an attribute column reads as NULL there, and says nothing of it here.
    containsNull: row?.contains_null === 1 || (definition.column_name as string).includes('.'),
    containsNan: row?.contains_nan === 1,
    min: (row?.min_value as string | null) ?? undefined,
    max: (row?.max_value as string | null) ?? undefined,
  };
  const isSearched = row !== undefined && current.min === undefined && column.min !== undefined;
  const hadValues = isSearched && hasValues(database, tableId, column.fieldId);
  return withFile(current, column, definition.column_type as StoredType, hadValues);
}

function hasValues(database: SqliteDatabase, tableId: number, fieldId: number): boolean {
  const row = database.get(
    'SELECT 1 FROM ducklake_file_column_stats WHERE table_id = ? AND column_id = ? AND value_count > 0 LIMIT 1',
    tableId,
    fieldId,
  );
  return row !== undefined;
}

function flag(value: boolean | undefined): number | null {
  return value === undefined ? null : Number(value);
}

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface StoredFile {
  /** On the local disk; a URL when it is elsewhere. */
  readonly path: string;
  readonly tenant: string;
  readonly table: string;
  readonly generation: number;
  readonly rows: number;
  /** No older snapshot has it alone. */
  readonly isLive: boolean;
}

/** What the catalog of a data folder has, read beside the node. */
export function storedFiles(dataDir: string): StoredFile[] {
  const database = new DatabaseSync(join(dataDir, 'catalog.sqlite'), { readOnly: true });
  try {
    const rows = database
      .prepare(
        `SELECT schema_name, table_name, f.path AS path, f.path_is_relative AS relative, generation, record_count, f.end_snapshot IS NULL AS live
         FROM ducklake_data_file f JOIN openwit_files o ON o.data_file_id = f.data_file_id
         JOIN ducklake_table t ON t.table_id = f.table_id JOIN ducklake_schema s ON s.schema_id = t.schema_id
         ORDER BY f.data_file_id`,
      )
      .all() as Record<string, string | number>[];
    return rows.map((row) => ({
      path:
        row.relative === 1
          ? join(dataDir, 'parquet', String(row.schema_name), String(row.table_name), String(row.path))
          : String(row.path),
      tenant: String(row.schema_name),
      table: String(row.table_name),
      generation: Number(row.generation),
      rows: Number(row.record_count),
      isLive: row.live === 1,
    }));
  } finally {
    database.close();
  }
}

/** All Parquet files of a data folder, finished or not, whether or not the catalog has them. */
export function filesOnDisk(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'parquet'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.parquet(\.tmp)?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

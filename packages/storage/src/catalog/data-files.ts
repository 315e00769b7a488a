import {
  type DataFile,
  type FileIndex,
  type NewDataFile,
  OpenWitError,
  type TableName,
  type Tier,
} from '@openwit/ports';
import { insertColumnStats } from './column-stats.ts';
import type { DataPaths } from './data-paths.ts';
import type { SnapshotIds } from './snapshots.ts';
import { isTrue, lists, placeholders, type Row, type SqlSession } from './sql-database.ts';
import type { OpenTable } from './tables.ts';

export interface FileInsert {
  /** With the columns that these files are the first to have. */
  readonly table: OpenTable;
  readonly ids: SnapshotIds;
  readonly files: readonly NewDataFile[];
  /** The node that wrote them. */
  readonly nodeId: string;
}

/** Adds files to a table with all that DuckLake keeps of them. */
export async function insertFiles(
  sql: SqlSession,
  paths: DataPaths,
  { table, ids, files, nodeId }: FileInsert,
): Promise<DataFile[]> {
  const { tenant, table: name, tableId } = table;
  const numbered = files.map((file, i) => ({ ...file, fileId: ids.firstFileId + i }));
  const stats = (await sql.get('SELECT next_row_id FROM ducklake_table_stats WHERE table_id = ?', tableId))!;
  let nextRowId = stats.next_row_id as number;
  for (const file of numbered) {
    const { path, isRelative } = paths.kept(tenant, name, file.path);
    await sql.run(
      `INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path, path_is_relative, file_format,
         record_count, file_size_bytes, footer_size, row_id_start) VALUES (?, ?, ?, ?, ?, 'parquet', ?, ?, ?, ?)`,
      file.fileId,
      tableId,
      ids.snapshotId,
      path,
      isRelative,
      file.rows,
      file.sizeBytes,
      file.footerBytes,
      nextRowId,
    );
    nextRowId += file.rows;
    await sql.run(
      `INSERT INTO openwit_files(data_file_id, min_timestamp_ns, max_timestamp_ns, attribute_column_ids, tier, generation,
         empty_columns, node_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      file.fileId,
      file.minTimestampNs,
      file.maxTimestampNs,
      JSON.stringify(file.attributeColumnIds),
      file.tier,
      file.generation,
      JSON.stringify(file.emptyColumns),
      nodeId,
    );
  }
  await addToTable(sql, tableId, numbered, nextRowId);
  await insertColumnStats(sql, table, numbered);
  return numbered.map(({ footerBytes: _, columnStats: __, ...known }) => known);
}

async function addToTable(
  sql: SqlSession,
  tableId: number,
  files: readonly NewDataFile[],
  nextRowId: number,
): Promise<void> {
  await sql.run(
    `UPDATE ducklake_table_stats SET record_count = record_count + ?, file_size_bytes = file_size_bytes + ?,
       next_row_id = ? WHERE table_id = ?`,
    sum(files.map(({ rows }) => rows)),
    sum(files.map(({ sizeBytes }) => sizeBytes)),
    nextRowId,
    tableId,
  );
}

/** How many rows live files have. @throws unavailable / CATALOG_CONFLICT when one of them is not live */
export async function rowsOfLive(sql: SqlSession, tableId: number, fileIds: readonly number[]): Promise<number> {
  let rows = 0;
  for (const list of lists(fileIds)) {
    const found = await sql.all(
      `SELECT record_count FROM ducklake_data_file
       WHERE data_file_id IN ${placeholders(list.length)} AND table_id = ? AND end_snapshot IS NULL`,
      ...list,
      tableId,
    );
    if (found.length < new Set(list).size) throw conflict('a file to be replaced is not live any more');
    rows += sum(found.map(({ record_count }) => record_count as number));
  }
  return rows;
}

/** From this snapshot on the table does not have the files. */
export async function endFiles(
  sql: SqlSession,
  tableId: number,
  snapshotId: number,
  fileIds: readonly number[],
): Promise<void> {
  for (const list of lists(fileIds)) {
    const ids = placeholders(list.length);
    await sql.run(
      `UPDATE ducklake_table_stats SET
         record_count = record_count - (SELECT sum(record_count) FROM ducklake_data_file WHERE data_file_id IN ${ids}),
         file_size_bytes = file_size_bytes - (SELECT sum(file_size_bytes) FROM ducklake_data_file WHERE data_file_id IN ${ids})
       WHERE table_id = ?`,
      ...list,
      ...list,
      tableId,
    );
    await sql.run(`UPDATE ducklake_data_file SET end_snapshot = ? WHERE data_file_id IN ${ids}`, snapshotId, ...list);
  }
}

const FILE_FIELDS = `f.data_file_id AS data_file_id, f.path AS path, f.path_is_relative AS path_is_relative,
  record_count, file_size_bytes,
  CAST(min_timestamp_ns AS TEXT) AS min_ns, CAST(max_timestamp_ns AS TEXT) AS max_ns,
  attribute_column_ids, tier, generation, empty_columns, node_id,
  i.name AS index_name, i.size_bytes AS index_bytes, i.end_bytes AS index_end_bytes, i.version AS index_version, i.columns AS index_columns`;

const FILES = `ducklake_data_file f JOIN openwit_files o ON o.data_file_id = f.data_file_id
  LEFT JOIN openwit_indexes i ON i.data_file_id = f.data_file_id`;

export async function liveFiles(sql: SqlSession, paths: DataPaths, table: OpenTable): Promise<DataFile[]> {
  const rows = await sql.all(
    `SELECT ${FILE_FIELDS} FROM ${FILES}
     WHERE f.table_id = ? AND f.end_snapshot IS NULL ORDER BY f.data_file_id`,
    table.tableId,
  );
  const parse = parser();
  return rows.map((row) => dataFile(paths, table.tenant, table.table, row, parse));
}

/** A live file of any table, and the node that wrote it. */
export async function liveFile(
  sql: SqlSession,
  paths: DataPaths,
  fileId: number,
): Promise<{ tenant: string; table: TableName; file: DataFile; nodeId: string } | undefined> {
  const row = await sql.get(
    `SELECT ${FILE_FIELDS}, schema_name, table_name
     FROM ${FILES}
     JOIN ducklake_table t ON t.table_id = f.table_id JOIN ducklake_schema s ON s.schema_id = t.schema_id
     WHERE f.data_file_id = ? AND f.end_snapshot IS NULL`,
    fileId,
  );
  if (row === undefined) return undefined;
  const tenant = row.schema_name as string;
  const table = row.table_name as TableName;
  const file = dataFile(paths, tenant, table, row, JSON.parse);
  return { tenant, table, file, nodeId: row.node_id as string };
}

export function conflict(message: string): OpenWitError {
  return new OpenWitError('unavailable', 'CATALOG_CONFLICT', `${message}: plan anew`);
}

function dataFile(
  paths: DataPaths,
  tenant: string,
  table: TableName,
  row: Row,
  parse: (text: string) => unknown,
): DataFile {
  const isRelative = isTrue(row.path_is_relative);
  return {
    fileId: row.data_file_id as number,
    path: paths.absolute(tenant, table, { path: row.path as string, isRelative }),
    tier: row.tier as Tier,
    generation: row.generation as number,
    rows: row.record_count as number,
    sizeBytes: row.file_size_bytes as number,
    minTimestampNs: BigInt(row.min_ns as string),
    maxTimestampNs: BigInt(row.max_ns as string),
    attributeColumnIds: parse(row.attribute_column_ids as string) as number[],
    emptyColumns: parse(row.empty_columns as string) as string[],
    ...(row.index_name !== null && { index: fileIndex(row, parse) }),
  };
}

function fileIndex(row: Row, parse: (text: string) => unknown): FileIndex {
  return {
    name: row.index_name as string,
    sizeBytes: row.index_bytes as number,
    endBytes: row.index_end_bytes as number,
    version: row.index_version as number,
    columns: parse(row.index_columns as string) as string[],
  };
}

/** Puts an index in the place of the one that a file has, or of none. */
export async function writeIndex(sql: SqlSession, fileId: number, index: FileIndex | undefined): Promise<void> {
  await sql.run('DELETE FROM openwit_indexes WHERE data_file_id = ?', fileId);
  if (index === undefined) return;
  const { name, sizeBytes, endBytes, version, columns } = index;
  await sql.run(
    'INSERT INTO openwit_indexes(data_file_id, name, size_bytes, end_bytes, version, columns) VALUES (?, ?, ?, ?, ?, ?)',
    fileId,
    name,
    sizeBytes,
    endBytes,
    version,
    JSON.stringify(columns),
  );
}

/** Files of a table mostly have the same columns: their lists are read and kept once. */
function parser(): (text: string) => unknown {
  const known = new Map<string, unknown>();
  return (text) => {
    let value = known.get(text);
    if (value === undefined) known.set(text, (value = JSON.parse(text)));
    return value;
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

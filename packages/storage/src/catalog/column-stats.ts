import { type FileColumnStats, OpenWitError } from '@openwit/ports';
import { isTrue, lists, placeholders, type Row, type SqlSession, type SqlValue } from './sql-database.ts';
import { type TableColumnStats, withFile } from './table-column-stats.ts';
import type { OpenTable } from './tables.ts';

/** The statistics of new files, and the table's: they must cover a file before anyone sees it, for a reader skips what they leave out. */
export async function insertColumnStats(
  sql: SqlSession,
  { tableId, types, attributeColumns }: OpenTable,
  files: readonly { readonly fileId: number; readonly columnStats: readonly FileColumnStats[] }[],
): Promise<void> {
  const rows = await sql.all(
    `SELECT column_id, contains_null, contains_nan, min_value, max_value FROM ducklake_table_column_stats
     WHERE table_id = ?`,
    tableId,
  );
  const before = new Map(rows.map((row) => [row.column_id as number, statsOf(row)]));
  const attributes = new Set(attributeColumns.map(({ fieldId }) => fieldId));
  const after = new Map<number, TableColumnStats>();
  // What files of this commit have, which the database does not know yet.
  const withValues = new Set<number>();
  for (const { columnStats } of files) {
    for (const column of columnStats) {
      const { fieldId } = column;
      const type = types.get(fieldId);
      if (type === undefined) {
        throw new OpenWitError(
          'internal',
          'INTERNAL',
          `statistics of a column that the table does not have, id=${fieldId}`,
        );
      }
      const known = after.get(fieldId) ?? before.get(fieldId);
      const isSearched = known !== undefined && known.min === undefined && column.min !== undefined;
      const hadValues = isSearched && (withValues.has(fieldId) || (await hasValues(sql, tableId, fieldId)));
      const stats = withFile(known, column, type, hadValues);
      // A file without an attribute column reads as NULL there, and says nothing of it here.
      after.set(fieldId, attributes.has(fieldId) ? { ...stats, containsNull: true } : stats);
      if (column.valueCount > 0) withValues.add(fieldId);
    }
  }
  for (const { fileId, columnStats } of files) {
    const added = columnStats.map((column) => fileRow(fileId, tableId, column));
    await sql.insert('ducklake_file_column_stats', FILE_FIELDS, added);
  }
  const changed = [...after].filter(([fieldId, stats]) => !isSame(stats, before.get(fieldId)));
  await replaceTableStats(sql, tableId, changed);
}

/**
 * Makes the table's bounds those of its live files again, where a file that has left was the one that they came from: a bound is
 * a value of somebody's, and may be what had to go.
 */
export async function tightenTableStats(
  sql: SqlSession,
  { tableId, types }: OpenTable,
  gone: readonly number[],
): Promise<void> {
  const bounds = new Set<number>();
  for (const list of lists(gone)) {
    const rows = await sql.all(
      `SELECT DISTINCT s.column_id AS id FROM ducklake_file_column_stats s
       JOIN ducklake_table_column_stats t ON t.table_id = s.table_id AND t.column_id = s.column_id
       WHERE s.table_id = ? AND s.data_file_id IN ${placeholders(list.length)}
         AND (s.min_value = t.min_value OR s.max_value = t.max_value)`,
      tableId,
      ...list,
    );
    for (const { id } of rows) bounds.add(id as number);
  }
  const tightened: (readonly [number, TableColumnStats])[] = [];
  for (const fieldId of bounds) {
    const files = await sql.all(
      `SELECT s.value_count AS value_count, s.null_count AS null_count, s.min_value AS min_value, s.max_value AS max_value,
         s.contains_nan AS contains_nan
       FROM ducklake_data_file f JOIN ducklake_file_column_stats s ON s.data_file_id = f.data_file_id
       WHERE f.table_id = ? AND f.end_snapshot IS NULL AND s.column_id = ?`,
      tableId,
      fieldId,
    );
    let stats: TableColumnStats = { containsNull: true, containsNan: undefined, min: undefined, max: undefined };
    let hadValues = false;
    for (const row of files) {
      const { min, max, containsNan } = statsOf({ ...row, contains_null: null });
      const valueCount = row.value_count as number;
      const column = { fieldId, valueCount, nullCount: row.null_count as number };
      stats = withFile(
        stats,
        {
          ...column,
          ...(min !== undefined && { min }),
          ...(max !== undefined && { max }),
          ...(containsNan !== undefined && { containsNan }),
        },
        types.get(fieldId)!,
        hadValues,
      );
      hadValues ||= valueCount > 0;
    }
    tightened.push([fieldId, stats]);
  }
  await replaceTableStats(sql, tableId, tightened);
}

const FILE_FIELDS = [
  'data_file_id',
  'table_id',
  'column_id',
  'value_count',
  'null_count',
  'min_value',
  'max_value',
  'contains_nan',
];
const TABLE_FIELDS = ['table_id', 'column_id', 'contains_null', 'contains_nan', 'min_value', 'max_value'];

function fileRow(fileId: number, tableId: number, column: FileColumnStats): SqlValue[] {
  const { fieldId, valueCount, nullCount, min = null, max = null, containsNan = null } = column;
  return [fileId, tableId, fieldId, valueCount, nullCount, min, max, containsNan];
}

/** Most of a file's columns change nothing. */
async function replaceTableStats(
  sql: SqlSession,
  tableId: number,
  changed: readonly (readonly [number, TableColumnStats])[],
): Promise<void> {
  for (const list of lists(changed)) {
    const ids = list.map(([fieldId]) => fieldId);
    await sql.run(
      `DELETE FROM ducklake_table_column_stats WHERE table_id = ? AND column_id IN ${placeholders(ids.length)}`,
      tableId,
      ...ids,
    );
  }
  const rows = changed.map(([fieldId, { containsNull, containsNan = null, min = null, max = null }]) => {
    return [tableId, fieldId, containsNull, containsNan, min, max];
  });
  if (rows.length > 0) await sql.insert('ducklake_table_column_stats', TABLE_FIELDS, rows);
}

function statsOf(row: Row): TableColumnStats {
  return {
    containsNull: isTrue(row.contains_null),
    containsNan: row.contains_nan === null ? undefined : isTrue(row.contains_nan),
    min: (row.min_value as string | null) ?? undefined,
    max: (row.max_value as string | null) ?? undefined,
  };
}

function isSame(a: TableColumnStats, b: TableColumnStats | undefined): boolean {
  return (
    b !== undefined &&
    a.containsNull === b.containsNull &&
    a.containsNan === b.containsNan &&
    a.min === b.min &&
    a.max === b.max
  );
}

async function hasValues(sql: SqlSession, tableId: number, fieldId: number): Promise<boolean> {
  const row = await sql.get(
    `SELECT 1 FROM ducklake_data_file f JOIN ducklake_file_column_stats s ON s.data_file_id = f.data_file_id
     WHERE f.table_id = ? AND s.column_id = ? AND s.value_count > 0 LIMIT 1`,
    tableId,
    fieldId,
  );
  return row !== undefined;
}

import type { TableUsage } from '@openwit/ports';
import { identifier, literal } from './table-sql.ts';

/** The schema of the tables that tell of the node itself. */
export const SYSTEM_SCHEMA = 'openwit';
export const USAGE_TABLE = 'usage';

type Cell = string | number | bigint | undefined;

/** The columns of `openwit.usage`: a row for each table of the query's tenant that has files, or had. */
const COLUMNS: readonly { readonly name: string; readonly sqlType: string; of(usage: TableUsage): Cell }[] = [
  { name: 'tenant', sqlType: 'VARCHAR', of: ({ tenant }) => tenant },
  { name: 'signal', sqlType: 'VARCHAR', of: ({ table }) => table },
  { name: 'files', sqlType: 'BIGINT', of: ({ files }) => files },
  { name: 'rows', sqlType: 'BIGINT', of: ({ rows }) => rows },
  { name: 'bytes', sqlType: 'BIGINT', of: ({ bytesByTier: { hot, cold, archive } }) => hot + cold + archive },
  { name: 'hot_bytes', sqlType: 'BIGINT', of: ({ bytesByTier }) => bytesByTier.hot },
  { name: 'cold_bytes', sqlType: 'BIGINT', of: ({ bytesByTier }) => bytesByTier.cold },
  { name: 'archive_bytes', sqlType: 'BIGINT', of: ({ bytesByTier }) => bytesByTier.archive },
  { name: 'attribute_columns', sqlType: 'BIGINT', of: ({ attributeColumns }) => attributeColumns },
  { name: 'earliest', sqlType: 'TIMESTAMP_NS', of: ({ minTimestampNs }) => minTimestampNs },
  { name: 'latest', sqlType: 'TIMESTAMP_NS', of: ({ maxTimestampNs }) => maxTimestampNs },
];

export const USAGE_COLUMNS: ReadonlySet<string> = new Set(COLUMNS.map(({ name }) => name));

/** The subquery that stands for the table. */
export function usageSql(usages: readonly TableUsage[]): string {
  const rows = usages.map((usage) => COLUMNS.map((column) => cellSql(column.of(usage), column.sqlType, column.name)));
  const none = COLUMNS.map(({ name, sqlType }) => `CAST(NULL AS ${sqlType}) AS ${identifier(name)}`);
  const selects = rows.map((cells) => `SELECT ${cells.join(', ')}`);
  return `(${[...selects, `SELECT ${none.join(', ')} WHERE false`].join(' UNION ALL ')})`;
}

function cellSql(value: Cell, sqlType: string, name: string): string {
  const sql = value === undefined ? 'NULL' : typeof value === 'string' ? literal(value) : String(value);
  const typed = sqlType === 'TIMESTAMP_NS' && value !== undefined ? `make_timestamp_ns(${sql})` : sql;
  return `CAST(${typed} AS ${sqlType}) AS ${identifier(name)}`;
}

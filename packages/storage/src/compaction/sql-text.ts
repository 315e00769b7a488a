import type { StoredColumn, StoredType } from '../parquet/stored-layout.ts';

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** DuckDB's parser ends at a NUL: those are put in by a function. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''").replaceAll('\0', "' || chr(0) || '")}'`;
}

/** The rows of these files, numbered by `file_row_number`. */
export function readParquet(paths: readonly string[]): string {
  return `read_parquet(${fileList(paths)}, hive_partitioning = false, file_row_number = true)`;
}

/** A path that DuckDB takes for a pattern is given as the pattern that finds only it. */
export function fileList(paths: readonly string[]): string {
  return `[${paths.map((path) => literal(path.replace(/[*?[]/g, '[$&]'))).join(', ')}]`;
}

const INFINITY_NS = 2n ** 63n - 1n;

/** Nanoseconds since the Unix epoch; what is later than any time is infinity. */
export function timestampLiteral(ns: bigint): string {
  return ns >= INFINITY_NS ? "TIMESTAMP_NS 'infinity'" : `make_timestamp_ns(${ns}::BIGINT)`;
}

const SCALARS: Partial<Record<StoredType, string>> = {
  timestamp_ns: 'TIMESTAMP_NS',
  int64: 'BIGINT',
  uint64: 'UBIGINT',
  int32: 'INTEGER',
  uint32: 'UINTEGER',
  float64: 'DOUBLE',
  boolean: 'BOOLEAN',
  varchar: 'VARCHAR',
};

export function sqlType({ type, children }: Pick<StoredColumn, 'type' | 'children'>): string {
  switch (type) {
    case 'list':
      return `${sqlType(children[0]!)}[]`;
    case 'map':
      return `MAP(${children.map(sqlType).join(', ')})`;
    case 'struct':
      return `STRUCT(${children.map((child) => `${identifier(child.name)} ${sqlType(child)}`).join(', ')})`;
    default:
      return SCALARS[type]!;
  }
}

/** A list or a map without elements. */
export function emptyValue(column: StoredColumn): string {
  return `CAST(${column.type === 'list' ? '[]' : 'MAP {}'} AS ${sqlType(column)})`;
}

import type { AttributeColumn, DataFile, TableName } from '@openwit/ports';
import { TABLES } from '@openwit/ports';
import type { ScanColumn } from '../memory/scan-plan.ts';
import { type HiddenColumn, PART_SQL_TYPES, type TypedPart } from './attribute-access.ts';
import { type LogicalColumn, typesColumn } from './logical-table.ts';

/** The function that reads batches in memory; its argument names a scan. */
export const MEMORY_FUNCTION = 'openwit_memory';

/** What a query reads of a table. */
export interface TableRead {
  readonly table: TableName;
  readonly columns: readonly LogicalColumn[];
  readonly hidden: readonly HiddenColumn[];
}

/** Files that hold what is read in the same columns. */
interface FileGroup {
  readonly files: readonly DataFile[];
  readonly stored: readonly AttributeColumn[];
}

/** The subquery that stands for a table: memory and files, each column of the same name and type in both. */
export function tableSql(
  read: TableRead,
  scan: string | undefined,
  files: readonly DataFile[],
  stored: readonly AttributeColumn[],
): string {
  const branches = groupFiles(read, files, stored).map((group) => fileBranch(read, group));
  if (scan !== undefined) branches.push(`SELECT * FROM ${MEMORY_FUNCTION}(${literal(scan)})`);
  return `(${branches.join(' UNION ALL ')})`;
}

/** The columns that the scan of memory must give for {@link tableSql}. */
export function scanColumns({ table, columns, hidden }: TableRead): ScanColumn[] {
  const indexOf = (map: string) => TABLES[table].findIndex(({ name }) => name === map);
  return [
    ...columns.map(({ name, sqlType, index, part }) => ({ name, sqlType, index, read: { part } })),
    ...hidden.map(({ name, map, key, part, without }) => ({
      name,
      sqlType: PART_SQL_TYPES[part],
      index: indexOf(map),
      read: { part, key, ...(without === undefined ? {} : { without }) },
    })),
  ];
}

function groupFiles(read: TableRead, files: readonly DataFile[], stored: readonly AttributeColumn[]): FileGroup[] {
  const whole = new Set(read.columns.map(({ name }) => name));
  const relevant = stored.filter(
    ({ map, key }) =>
      whole.has(map) ||
      whole.has(typesColumn(map) ?? map) ||
      read.hidden.some((column) => column.map === map && column.key === key),
  );
  const groups = Map.groupBy(files, (file) => {
    const has = new Set(file.attributeColumnIds);
    return relevant.map(({ fieldId }) => (has.has(fieldId) ? '1' : '0')).join('');
  });
  return [...groups].map(([has, members]) => ({ files: members, stored: relevant.filter((_, i) => has[i] === '1') }));
}

function fileBranch(read: TableRead, group: FileGroup): string {
  const columns = [
    ...read.columns.map((column) => `${storedColumn(read.table, column, group)} AS ${identifier(column.name)}`),
    ...read.hidden.map((column) => `${storedKey(column, group)} AS ${identifier(column.name)}`),
  ];
  const paths = group.files.map((file) => literal(escapeGlob(file.path)));
  return `SELECT ${columns.join(', ')} FROM read_parquet([${paths.join(', ')}], hive_partitioning = false)`;
}

/** A logical column out of files: attribute columns go back into their map, and their types into the map of types. */
function storedColumn(table: TableName, column: LogicalColumn, group: FileGroup): string {
  const own = identifier(column.name);
  const { name: map, type } = TABLES[table][column.index]!;
  if (type !== 'attributes') return own;
  const entries = group.stored
    .filter((stored) => stored.map === map)
    .flatMap((stored) => {
      const value = column.part === 'value' ? valueText(stored) : typeWord(stored);
      return value === undefined ? [] : [`{'k': ${literal(stored.key)}, 'v': ${value}}`];
    });
  const present = `list_filter([${entries.join(', ')}], lambda entry: entry.v IS NOT NULL)`;
  const whole = entries.length === 0 ? own : `map_concat(${own}, map_from_entries(${present}))`;
  // Maps are compared entry by entry, and files differ in which keys are columns.
  return `map_from_entries(list_sort(map_entries(${whole})))`;
}

function valueText({ name, type }: AttributeColumn): string {
  return type === 'text' ? identifier(name) : `CAST(${identifier(name)} AS VARCHAR)`;
}

/** Strings have no entry among the types. */
function typeWord({ name, type }: AttributeColumn): string | undefined {
  const words = { int64: 'int', float64: 'double', bool: 'bool' } as const;
  return type === 'text' ? undefined : `CASE WHEN ${identifier(name)} IS NOT NULL THEN ${literal(words[type])} END`;
}

function storedKey({ map, key, part, without }: HiddenColumn, group: FileGroup): string {
  const stored = group.stored.find((column) => column.map === map && column.key === key);
  const nothing = `CAST(NULL AS ${PART_SQL_TYPES[part]})`;
  if (part === 'text' || part === 'rest') {
    if (stored === undefined) return `${identifier(map)}[${literal(key)}]`;
    return part === 'rest' && (stored.type as TypedPart) === without ? nothing : valueText(stored);
  }
  return stored?.type === part ? identifier(stored.name) : nothing;
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A path that DuckDB takes for a pattern, as the pattern that finds only that path. */
export function escapeGlob(path: string): string {
  return path.replace(/[*?[]/g, '[$&]');
}

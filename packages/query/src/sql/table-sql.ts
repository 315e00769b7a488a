import type { AttributeColumn, DataFile, TableName } from '@openwit/ports';
import { TABLES } from '@openwit/ports';
import type { ScanColumn } from '../memory/scan-plan.ts';
import { type HiddenColumn, PART_SQL_TYPES, type TypedPart } from './attribute-access.ts';
import { type LogicalColumn, typesColumn } from './logical-table.ts';

/** The function that reads batches in memory; its argument names a scan. */
export const MEMORY_FUNCTION = 'openwit_memory';

/** The number of a row in its file, from 0. */
export const ROW_NUMBER = 'openwit_row';

/** The column that is always there. */
export const TIME = 'timestamp';

/** What a query reads of a table. */
export interface TableRead {
  readonly table: TableName;
  readonly columns: readonly LogicalColumn[];
  readonly hidden: readonly HiddenColumn[];
  /** The query names no column by `timestamp`; it is there because a table must have one. */
  readonly isTimeUnread: boolean;
  /** Whether {@link ROW_NUMBER} is there; only files have it. */
  readonly rowNumbers: boolean;
}

/** Files that hold what is read in the same columns. */
export interface FileGroup {
  readonly files: readonly DataFile[];
  readonly stored: readonly AttributeColumn[];
  /** Lists and maps that have nothing in any row: they are not read. DuckDB takes milliseconds to skip the rows of one. */
  readonly empty: ReadonlySet<string>;
}

/** Local paths of files that are not `hot`, by file id. */
export type LocalPaths = ReadonlyMap<number, string>;

/**
 * The subquery that stands for a table: memory and files, each column of the same name and type in both. Files without a local
 * path are left out: so the query can be checked before they are fetched.
 */
export function tableSql(
  read: TableRead,
  scan: string | undefined,
  groups: readonly FileGroup[],
  paths: LocalPaths,
): string {
  const branches = groups.map((group) => fileBranch(read, group, paths));
  if (scan !== undefined) branches.push(`SELECT * FROM ${MEMORY_FUNCTION}(${literal(scan)})`);
  if (branches.length === 0) branches.push(noRows(read));
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

export function groupFiles(
  read: TableRead,
  files: readonly DataFile[],
  stored: readonly AttributeColumn[],
): FileGroup[] {
  const whole = new Set(read.columns.map(({ name }) => name));
  const relevant = stored.filter(
    ({ map, key }) =>
      whole.has(map) ||
      whole.has(typesColumn(map) ?? map) ||
      read.hidden.some((column) => column.map === map && column.key === key),
  );
  const lists = [...whole, ...read.hidden.map(({ map }) => map)];
  const columnBits = onceEach((ids: readonly number[]) => bits(relevant, ({ fieldId }) => ids.includes(fieldId)));
  const emptyBits = onceEach((names: readonly string[]) => bits(lists, (name) => names.includes(name)));
  const groups = Map.groupBy(
    files,
    ({ attributeColumnIds, emptyColumns }) => `${columnBits(attributeColumnIds)} ${emptyBits(emptyColumns)}`,
  );
  return [...groups.values()].map((members) => {
    const { attributeColumnIds, emptyColumns } = members[0]!;
    const stored = relevant.filter(({ fieldId }) => attributeColumnIds.includes(fieldId));
    return { files: members, stored, empty: new Set(emptyColumns) };
  });
}

function bits<T>(items: readonly T[], isSet: (item: T) => boolean): string {
  return items.map((item) => (isSet(item) ? '1' : '0')).join('');
}

/** Files of a table mostly share their lists: of each list it is made once. */
function onceEach<T extends object>(make: (list: T) => string): (list: T) => string {
  const known = new Map<T, string>();
  return (list) => {
    let made = known.get(list);
    if (made === undefined) known.set(list, (made = make(list)));
    return made;
  };
}

function fileBranch(read: TableRead, group: FileGroup, local: LocalPaths): string {
  const paths = group.files.flatMap((file) => (file.tier === 'hot' ? file.path : (local.get(file.fileId) ?? [])));
  if (paths.length === 0) return noRows(read);
  const columns = [
    ...read.columns.map((column) => `${storedColumn(read, column, group)} AS ${identifier(column.name)}`),
    ...read.hidden.map((column) => `${storedKey(column, group)} AS ${identifier(column.name)}`),
    ...(read.rowNumbers ? [`file_row_number AS ${ROW_NUMBER}`] : []),
  ];
  const options = `hive_partitioning = false${read.rowNumbers ? ', file_row_number = true' : ''}`;
  const list = paths.map((path) => literal(escapeGlob(path))).join(', ');
  return `SELECT ${columns.join(', ')} FROM read_parquet([${list}], ${options})`;
}

function noRows({ columns, hidden, rowNumbers }: TableRead): string {
  const typed = [
    ...columns,
    ...hidden.map(({ name, part }) => ({ name, sqlType: PART_SQL_TYPES[part] })),
    ...(rowNumbers ? [{ name: ROW_NUMBER, sqlType: 'BIGINT' }] : []),
  ];
  const nothing = typed.map(({ name, sqlType }) => `CAST(NULL AS ${sqlType}) AS ${identifier(name)}`);
  return `SELECT ${nothing.join(', ')} WHERE false`;
}

/** A logical column out of files: attribute columns go back into their map, and their types into the map of types. */
function storedColumn({ table, isTimeUnread }: TableRead, column: LogicalColumn, group: FileGroup): string {
  const { name: map, type } = TABLES[table][column.index]!;
  if (isTimeUnread && map === TIME) return `CAST(NULL AS ${column.sqlType})`;
  const isEmpty = group.empty.has(column.name);
  if (type !== 'attributes') return isEmpty ? `CAST([] AS ${column.sqlType})` : identifier(column.name);
  const own = isEmpty ? `CAST(MAP {} AS ${column.sqlType})` : identifier(column.name);
  const entries = group.stored
    .filter((stored) => stored.map === map)
    .flatMap((stored) => {
      const value = column.part === 'value' ? valueText(stored) : typeWord(stored);
      return value === undefined ? [] : [`{'k': ${literal(stored.key)}, 'v': ${value}}`];
    });
  const present = `list_filter([${entries.join(', ')}], lambda entry: entry.v IS NOT NULL)`;
  if (isEmpty && entries.length === 0) return own;
  const whole = entries.length === 0 ? own : `map_concat(${own}, map_from_entries(${present}))`;
  // Maps are compared entry by entry, and files differ in which keys are columns.
  return `map_from_entries(list_sort(map_entries(${whole})))`;
}

/** The stored columns that {@link tableSql} reads of a group's files. */
export function columnsRead(read: TableRead, { stored, empty }: FileGroup): string[] {
  const names = new Set<string>();
  for (const { name, index, part } of read.columns) {
    const map = TABLES[read.table][index]!.name;
    if (!read.isTimeUnread || map !== TIME) names.add(name);
    for (const column of stored) {
      if (column.map === map && (part === 'value' || typeWord(column) !== undefined)) names.add(column.name);
    }
  }
  for (const hidden of read.hidden) {
    const name = keyColumn(hidden, stored);
    if (name !== undefined) names.add(name);
  }
  return [...names].filter((name) => !empty.has(name));
}

function valueText({ name, type }: AttributeColumn): string {
  return type === 'text' ? identifier(name) : `CAST(${identifier(name)} AS VARCHAR)`;
}

/** Strings have no entry among the types. */
function typeWord({ name, type }: AttributeColumn): string | undefined {
  const words = { int64: 'int', float64: 'double', bool: 'bool' } as const;
  return type === 'text' ? undefined : `CASE WHEN ${identifier(name)} IS NOT NULL THEN ${literal(words[type])} END`;
}

function storedKey(hidden: HiddenColumn, { stored, empty }: FileGroup): string {
  const { map, key, part } = hidden;
  const column = keyColumn(hidden, stored);
  if (column === undefined) return `CAST(NULL AS ${PART_SQL_TYPES[part]})`;
  if (column === map) return empty.has(map) ? 'CAST(NULL AS VARCHAR)' : `${identifier(map)}[${literal(key)}]`;
  const own = stored.find(({ name }) => name === column)!;
  return part === 'text' || part === 'rest' ? valueText(own) : identifier(own.name);
}

/** The stored column that has the key's values of this part: one of its own, its map, or none. */
function keyColumn({ map, key, part, without }: HiddenColumn, stored: readonly AttributeColumn[]): string | undefined {
  const own = stored.find((column) => column.map === map && column.key === key);
  if (part !== 'text' && part !== 'rest') return own?.type === part ? own.name : undefined;
  if (own === undefined) return map;
  return part === 'rest' && (own.type as TypedPart) === without ? undefined : own.name;
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

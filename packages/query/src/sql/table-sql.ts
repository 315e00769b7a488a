import type { AttributeColumn, DataFile, TableName } from '@openwit/ports';
import { TABLES } from '@openwit/ports';
import type { ScanColumn } from '../memory/scan-plan.ts';
import { type HiddenColumn, PART_SQL_TYPES, type TypedPart } from './attribute-access.ts';
import { type LogicalColumn, typesColumn } from './logical-table.ts';

/** The function that reads batches in memory; its argument names a scan. */
export const MEMORY_FUNCTION = 'openwit_memory';

/** The function that gives rows that were read; its argument is their number. */
export const ROWS_FUNCTION = 'openwit_rows';

/** The function that tells whether a selection has a row; its arguments are the selection's number and the row's. */
export const SELECTION_FUNCTION = 'openwit_selected';

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
  /** What the query asks of each row, as columns of the table that are true or not: where an index has told it, they are true. */
  readonly conditions: readonly ConditionRead[];
  /** Names of columns that only the conditions read. */
  readonly inConditions: ReadonlySet<string>;
}

export interface ConditionRead {
  readonly name: string;
  /** Over the names of columns. */
  readonly sql: string;
}

/** Which rows of files are read, by their numbers: a few, or those that a selection has. Or so many,
 * of which nothing is read. */
export type RowChoice =
  | { readonly kind: 'few'; readonly rows: Uint32Array }
  | { readonly kind: 'selection'; readonly number: number }
  /** They were read already, and are given by {@link ROWS_FUNCTION}: a table's columns, then the hidden ones. */
  | { readonly kind: 'read'; readonly number: number; readonly rows: number }
  | { readonly kind: 'count'; readonly rows: number };

/** What an index has told of a file. */
export interface KnownRows {
  readonly choice: RowChoice;
  /** All of them meet the conditions. */
  readonly isExact: boolean;
}

/** Files that hold what is read in the same columns. */
export interface FileGroup {
  readonly files: readonly DataFile[];
  readonly stored: readonly AttributeColumn[];
  /** Lists and maps that have nothing in any row: they are not read. DuckDB takes milliseconds to skip the rows of one. */
  readonly empty: ReadonlySet<string>;
  /** Of the one file of the group. */
  readonly known?: KnownRows;
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
  if (scan !== undefined) branches.push(withConditions(read, `SELECT * FROM ${MEMORY_FUNCTION}(${literal(scan)})`));
  if (branches.length === 0) branches.push(withConditions(read, noRows(read)));
  return `(${branches.join(' UNION ALL ')})`;
}

/** The rows with the conditions as columns, in the place of what only those read. */
function withConditions(
  { columns, hidden, conditions, inConditions }: TableRead,
  rows: string,
  areTrue = false,
): string {
  if (conditions.length === 0) return rows;
  const names = [...columns, ...hidden].map(({ name }) => name).filter((name) => !inConditions.has(name));
  const values = conditions.map(({ name, sql }) => `${areTrue ? 'true' : sql} AS ${identifier(name)}`);
  return `SELECT ${[...names.map(identifier), ...values].join(', ')} FROM (${rows})`;
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

/** @param known what indexes have told of some of the files */
export function groupFiles(
  read: TableRead,
  files: readonly DataFile[],
  stored: readonly AttributeColumn[],
  known: ReadonlyMap<DataFile, KnownRows> = new Map(),
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
  const groups = Map.groupBy(files, (file) => {
    const columns = `${columnBits(file.attributeColumnIds)} ${emptyBits(file.emptyColumns)}`;
    return known.has(file) ? `${file.fileId} ${columns}` : columns;
  });
  return [...groups.values()].map((members) => {
    const [first] = members as [DataFile];
    const { attributeColumnIds, emptyColumns } = first;
    const stored = relevant.filter(({ fieldId }) => attributeColumnIds.includes(fieldId));
    const told = known.get(first);
    return { files: members, stored, empty: new Set(emptyColumns), ...(told && { known: told }) };
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
  const { choice, isExact = false } = group.known ?? {};
  if (choice?.kind === 'count') return withConditions(read, `${noValues(read)} FROM range(${choice.rows})`, true);
  if (choice?.kind === 'read') return withConditions(read, `SELECT * FROM ${ROWS_FUNCTION}(${choice.number})`, isExact);
  const paths = group.files.flatMap((file) => (file.tier === 'hot' ? file.path : (local.get(file.fileId) ?? [])));
  if (paths.length === 0) return withConditions(read, noRows(read));
  const isRead = (name: string) => !isExact || !read.inConditions.has(name);
  const columns = [
    ...read.columns.map(
      (column) =>
        `${isRead(column.name) ? storedColumn(read, column, group) : nothing(column.sqlType)} AS ${identifier(column.name)}`,
    ),
    ...read.hidden.map(
      (column) =>
        `${isRead(column.name) ? storedKey(column, group) : nothing(PART_SQL_TYPES[column.part])} AS ${identifier(column.name)}`,
    ),
    ...(read.rowNumbers ? [`file_row_number AS ${ROW_NUMBER}`] : []),
  ];
  const areNumbered = read.rowNumbers || choice !== undefined;
  const options = `hive_partitioning = false${areNumbered ? ', file_row_number = true' : ''}`;
  const list = paths.map((path) => literal(escapeGlob(path))).join(', ');
  const where = choice === undefined ? '' : ` WHERE ${chosen(choice)}`;
  return withConditions(read, `SELECT ${columns.join(', ')} FROM read_parquet([${list}], ${options})${where}`, isExact);
}

function chosen(choice: Extract<RowChoice, { kind: 'few' | 'selection' }>): string {
  return choice.kind === 'few'
    ? `file_row_number IN (${choice.rows.join(', ')})`
    : `${SELECTION_FUNCTION}(${choice.number}, file_row_number)`;
}

function noRows(read: TableRead): string {
  return `${noValues(read)} WHERE false`;
}

function noValues({ columns, hidden, rowNumbers }: TableRead): string {
  const typed = [
    ...columns,
    ...hidden.map(({ name, part }) => ({ name, sqlType: PART_SQL_TYPES[part] })),
    ...(rowNumbers ? [{ name: ROW_NUMBER, sqlType: 'BIGINT' }] : []),
  ];
  return `SELECT ${typed.map(({ name, sqlType }) => `${nothing(sqlType)} AS ${identifier(name)}`).join(', ')}`;
}

function nothing(sqlType: string): string {
  return `CAST(NULL AS ${sqlType})`;
}

/** A logical column out of files: attribute columns go back into their map, and their types into the map of types. */
function storedColumn({ table, isTimeUnread }: TableRead, column: LogicalColumn, group: FileGroup): string {
  const { name: map, type } = TABLES[table][column.index]!;
  if (isTimeUnread && map === TIME) return nothing(column.sqlType);
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
export function columnsRead(read: TableRead, { stored, empty, known }: FileGroup): string[] {
  const names = new Set<string>();
  const isRead = (name: string) => known?.isExact !== true || !read.inConditions.has(name);
  for (const { name, index, part } of read.columns) {
    if (!isRead(name)) continue;
    const map = TABLES[read.table][index]!.name;
    if (!read.isTimeUnread || map !== TIME) names.add(name);
    for (const column of stored) {
      if (column.map === map && (part === 'value' || typeWord(column) !== undefined)) names.add(column.name);
    }
  }
  for (const hidden of read.hidden) {
    if (!isRead(hidden.name)) continue;
    const name = keyColumn(hidden, stored);
    if (name !== undefined) names.add(name);
  }
  return [...names].filter((name) => !empty.has(name));
}

function valueText({ name, type }: AttributeColumn): string {
  return type === 'text' ? identifier(name) : `CAST(${identifier(name)} AS VARCHAR)`;
}

/** What the types call an attribute's type. Strings have no entry among them. */
export function typeWordOf(type: AttributeColumn['type']): string | undefined {
  return { text: undefined, int64: 'int', float64: 'double', bool: 'bool' }[type];
}

function typeWord({ name, type }: AttributeColumn): string | undefined {
  const word = typeWordOf(type);
  return word && `CASE WHEN ${identifier(name)} IS NOT NULL THEN ${literal(word)} END`;
}

function storedKey(hidden: HiddenColumn, { stored, empty }: FileGroup): string {
  const { map, key, part } = hidden;
  const column = keyColumn(hidden, stored);
  if (column === undefined) return nothing(PART_SQL_TYPES[part]);
  if (column === map) return empty.has(map) ? 'CAST(NULL AS VARCHAR)' : `${identifier(map)}[${literal(key)}]`;
  const own = stored.find(({ name }) => name === column)!;
  return part === 'text' || part === 'rest' ? valueText(own) : identifier(own.name);
}

/** The stored column that has the key's values of this part: one of its own, its map, or none. */
export function keyColumn(
  { map, key, part, without }: HiddenColumn,
  stored: readonly AttributeColumn[],
): string | undefined {
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

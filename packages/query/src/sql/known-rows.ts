import type { DataFile, FoundRows, IndexCondition, TableName } from '@openwit/ports';
import type { Condition } from './conditions.ts';
import type { TableUse } from './scope.ts';
import type { FileGroup, KnownRows, RowChoice, TableRead } from './table-sql.ts';

/** Rows that are named one by one. More are looked up in a selection. */
const FEW_ROWS = 200;
/** A selection of a larger share of a file's rows is not worth it, when each is to be looked at anyway. */
const LARGEST_SHARE = 0.25;

/** What the indexes of files tell, and where selections of rows are put for DuckDB. */
export interface IndexAnswers {
  /** Of those files that have an index which can say something. @param isCount whether it is enough to know how many rows there are */
  find(
    table: TableName,
    files: readonly DataFile[],
    conditions: readonly IndexCondition[],
    isCount: boolean,
  ): Promise<ReadonlyMap<DataFile, FoundRows>>;
  /** Reads what a query wants of a few rows of the one file of a group, which is here. @returns their number; undefined when it cannot */
  readRows(read: TableRead, group: FileGroup, rows: Uint32Array): number | undefined;
  /** @param fileRows of the file that the rows are of @returns the number of the selection */
  select(rows: Uint32Array, fileRows: number): number;
}

/** What was told of one use of a table. */
export interface ToldRows {
  readonly conditions: readonly Condition[];
  readonly rows: ReadonlyMap<DataFile, FoundRows>;
  /** Whether of some file that has rows no condition need be looked at. */
  readonly isExact: boolean;
}

/**
 * Asks the indexes of files for what a query wants of them. Rows that a join keeps in any case cannot be left out.
 * @param isCount whether the query reads nothing else of them
 */
export async function toldRows(
  indexes: IndexAnswers | undefined,
  use: TableUse,
  files: readonly DataFile[],
  conditions: readonly Condition[],
  isCount: boolean,
): Promise<ToldRows> {
  if (indexes === undefined || conditions.length === 0 || use.keepAllRows) return NOTHING;
  const parts = conditions.flatMap((condition) => condition.parts);
  const areWhole = conditions.every(({ isWhole }) => isWhole);
  const found = await indexes.find(use.table, files, parts, isCount && areWhole);
  const rows = new Map([...found].map(([file, told]) => [file, { ...told, isExact: told.isExact && areWhole }]));
  return { conditions, rows, isExact: [...rows.values()].some((told) => told.isExact && told.count > 0) };
}

const NOTHING: ToldRows = { conditions: [], rows: new Map(), isExact: false };

/** How the rows that were told are read. */
export function knownRows(
  read: TableRead,
  { rows }: ToldRows,
  indexes: IndexAnswers | undefined,
): ReadonlyMap<DataFile, KnownRows> {
  const known = new Map<DataFile, KnownRows>();
  for (const [file, found] of rows) {
    if (found.count === 0) continue;
    const isExact = found.isExact && read.conditions.length > 0;
    const choice = choiceOf(read, file, found, isExact, indexes!);
    if (choice !== undefined) known.set(file, { choice, isExact });
  }
  return known;
}

/** Reads the few rows of files that are here: it takes a tenth of what DuckDB needs to skip the others. */
export function withRowsRead(
  read: TableRead,
  groups: readonly FileGroup[],
  indexes: IndexAnswers | undefined,
): FileGroup[] {
  return groups.map((group) => {
    const { known } = group;
    if (known?.choice.kind !== 'few' || group.files[0]!.tier !== 'hot') return group;
    const { rows } = known.choice;
    const number = indexes!.readRows(read, group, rows);
    return number === undefined
      ? group
      : { ...group, known: { ...known, choice: { kind: 'read', number, rows: rows.length } } };
  });
}

function choiceOf(
  read: TableRead,
  file: DataFile,
  { count, rows }: FoundRows,
  isExact: boolean,
  indexes: IndexAnswers,
): RowChoice | undefined {
  if (isExact && isNothingRead(read)) return { kind: 'count', rows: count };
  if (rows === undefined) return undefined;
  if (rows.length <= FEW_ROWS) return { kind: 'few', rows };
  if (!isExact && rows.length > LARGEST_SHARE * file.rows) return undefined;
  return { kind: 'selection', number: indexes.select(rows, file.rows) };
}

/** Beside what the conditions read. */
function isNothingRead({ columns, hidden, isTimeUnread, rowNumbers, inConditions }: TableRead): boolean {
  const names = [...columns, ...hidden].map(({ name }) => name).filter((name) => !inConditions.has(name));
  return !rowNumbers && isTimeUnread && names.length === 1;
}

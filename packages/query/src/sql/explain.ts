import type { DataFile, FoundRows } from '@openwit/ports';
import type { ToldRows } from './known-rows.ts';
import type { TableUse } from './scope.ts';
import { type FileGroup, identifier, literal } from './table-sql.ts';

/** A step of a plan: what it has to do with how many files and rows. */
export interface PlanStep {
  readonly table: string;
  readonly step: string;
  /** Undefined where it is not about files. */
  readonly files: number | undefined;
  readonly rows: number;
}

export interface UsePlan {
  readonly use: TableUse;
  /** Of the snapshot. */
  readonly files: readonly DataFile[];
  /** Those that the times of the query leave. */
  readonly timely: readonly DataFile[];
  readonly told: ToldRows;
  readonly groups: readonly FileGroup[];
  readonly memoryRows: number;
}

const DROPPED_BY: Readonly<Record<FoundRows['by'], string>> = {
  filter: 'dropped by bloom filter',
  values: 'dropped by bitmap',
  text: 'dropped by full-text index',
};

/** What is read of one use of a table, and what is not, and why. */
export function stepsOf({ use, files, timely, told, groups, memoryRows }: UsePlan): PlanStep[] {
  const step = (name: string, count: number | undefined, rows: number): PlanStep => {
    return { table: use.table, step: name, files: count, rows };
  };
  const kept = new Set(timely);
  const untimely = files.filter((file) => !kept.has(file));
  const dropped = Object.entries(DROPPED_BY).map(([by, name]) => {
    const own = [...told.rows].filter(([, found]) => found.count === 0 && found.by === by).map(([file]) => file);
    return step(name, own.length, rowsIn(own));
  });
  const byChoice = (kinds: readonly string[]) =>
    groups.filter(({ known }) => known !== undefined && kinds.includes(known.choice.kind));
  const counted = byChoice(['count']).flatMap((group) => group.files);
  const chosen = byChoice(['few', 'selection', 'read']).flatMap((group) => group.files);
  const rowsTold = (list: readonly DataFile[]) => list.reduce((sum, file) => sum + told.rows.get(file)!.count, 0);
  const whole = groups.filter(({ known }) => known === undefined).flatMap((group) => group.files);
  const all = [
    step('in files', files.length, rowsIn(files)),
    step('dropped by time', untimely.length, rowsIn(untimely)),
    ...dropped,
    step('counted by index', counted.length, rowsTold(counted)),
    step('rows read by index', chosen.length, rowsTold(chosen)),
    step('read whole', whole.length, rowsIn(whole)),
    step('read in memory', undefined, memoryRows),
  ];
  return all.filter((one, i) => i === 0 || one.rows > 0 || (one.files ?? 0) > 0);
}

/** The answer to an EXPLAIN. */
export function explainSql(steps: readonly PlanStep[]): string {
  const names = ['table', 'step', 'files', 'rows'].map(identifier).join(', ');
  const types = ['VARCHAR', 'VARCHAR', 'BIGINT', 'BIGINT'];
  const rowOf = (values: readonly string[]) =>
    `(${values.map((value, i) => `CAST(${value} AS ${types[i]})`).join(', ')})`;
  const rows = steps.map(({ table, step, files, rows: count }) =>
    rowOf([literal(table), literal(step), String(files ?? 'NULL'), String(count)]),
  );
  const none = `SELECT * FROM (VALUES ${rowOf(['NULL', 'NULL', 'NULL', 'NULL'])}) AS t(${names}) WHERE false`;
  return rows.length === 0 ? none : `SELECT * FROM (VALUES ${rows.join(', ')}) AS t(${names})`;
}

const EXPLAIN = /^(\s*)(explain)(?=\s)(?!\s+analy[sz]e\b)/i;

/** The query that an EXPLAIN is of, in its place; undefined when it is none. */
export function explainedQuery(sql: string): string | undefined {
  return EXPLAIN.test(sql)
    ? sql.replace(EXPLAIN, (_, space: string, word: string) => space + ' '.repeat(word.length))
    : undefined;
}

function rowsIn(files: readonly DataFile[]): number {
  return files.reduce((sum, { rows }) => sum + rows, 0);
}

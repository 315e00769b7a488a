import type { Rows } from './attribute-moves.ts';
import { identifier, literal, timestampLiteral } from './sql-text.ts';

/** A range of the sort key: the names from `first` to `last`, both inclusive, and within a single name a range of time. */
export interface KeyRange {
  readonly first: readonly string[];
  readonly last: readonly string[];
  /** Inclusive. */
  readonly fromNs?: bigint;
  /** Exclusive. */
  readonly toNs?: bigint;
  readonly rows: number;
}

/** Rows of one name, or of one part of its time. */
export interface NameCount {
  readonly names: readonly string[];
  readonly rows: number;
}

export interface TimeCount {
  readonly fromNs: bigint;
  readonly rows: number;
}

/** A name that has a little more than a range should have is not worth a second range. */
const SLACK = 1.25;
/** How finely the time of a name is cut, at the most. */
const TIME_PARTS = 512n;

export interface KeyCensus {
  readonly ranges: readonly KeyRange[];
  readonly rows: number;
  readonly minTimestampNs: bigint;
  readonly maxTimestampNs: bigint;
}

/** Cuts the rows of a query into ranges of about `maxRows` each, in the order of the key. */
export async function keyRanges(
  source: string,
  nameColumns: readonly string[],
  maxRows: number,
  query: Rows,
): Promise<KeyCensus> {
  const names = nameColumns.map(identifier).join(', ');
  const counted = await query(
    `SELECT ${names}, count(*), epoch_ns(min("timestamp")), epoch_ns(max("timestamp")) FROM ${source} GROUP BY ALL`,
  );
  const width = nameColumns.length;
  const groups = counted
    .map((row) => ({
      names: row.slice(0, width) as string[],
      rows: Number(row[width]),
      fromNs: row[width + 1] as bigint,
      toNs: row[width + 2] as bigint,
    }))
    .sort((a, b) => compareNames(a.names, b.names));
  const times = new Map<NameCount, readonly TimeCount[]>();
  for (const group of groups) {
    if (group.rows <= SLACK * maxRows) continue;
    const part = (group.toNs - group.fromNs) / TIME_PARTS + 1n;
    const equal = nameColumns.map((column, i) => `${identifier(column)} = ${literal(group.names[i]!)}`).join(' AND ');
    const parts = await query(
      `SELECT (epoch_ns("timestamp") - ${group.fromNs}) // ${part} AS part, count(*)
       FROM ${source} AND ${equal} GROUP BY 1 ORDER BY 1`,
    );
    times.set(
      group,
      parts.map(([at, rows]) => ({ fromNs: group.fromNs + BigInt(at as bigint) * part, rows: Number(rows) })),
    );
  }
  return {
    ranges: cutRanges(groups, (group) => times.get(group), maxRows),
    rows: groups.reduce((sum, { rows }) => sum + rows, 0),
    minTimestampNs: groups.map(({ fromNs }) => fromNs).sort(byTime)[0] ?? 0n,
    maxTimestampNs:
      groups
        .map(({ toNs }) => toNs)
        .sort(byTime)
        .at(-1) ?? 0n,
  };
}

/**
 * Joins neighbours while they have no more than `maxRows`, and cuts a name with more by its time.
 * @param groups in the order of their names
 */
export function cutRanges(
  groups: readonly NameCount[],
  timesOf: (group: NameCount) => readonly TimeCount[] | undefined,
  maxRows: number,
): KeyRange[] {
  const ranges: KeyRange[] = [];
  let open: KeyRange | undefined;
  const close = () => {
    if (open !== undefined) ranges.push(open);
    open = undefined;
  };
  for (const group of groups) {
    const { names, rows } = group;
    if (rows > SLACK * maxRows) {
      close();
      ranges.push(...cutTimes(names, timesOf(group) ?? [], maxRows));
      continue;
    }
    if (open !== undefined && open.rows + rows > maxRows) close();
    open = { first: open?.first ?? names, last: names, rows: (open?.rows ?? 0) + rows };
  }
  close();
  return ranges;
}

/** Into parts of about the same size. */
function cutTimes(names: readonly string[], times: readonly TimeCount[], maxRows: number): KeyRange[] {
  const total = times.reduce((sum, { rows }) => sum + rows, 0);
  const wanted = total / Math.ceil(total / maxRows);
  const cuts: { fromNs: bigint; rows: number }[] = [];
  for (const { fromNs, rows } of times) {
    const last = cuts.at(-1);
    if (last === undefined || last.rows + rows / 2 > wanted) cuts.push({ fromNs, rows });
    else last.rows += rows;
  }
  return cuts.map(({ fromNs, rows }, i) => ({
    first: names,
    last: names,
    rows,
    ...(i > 0 && { fromNs }),
    ...(i + 1 < cuts.length && { toNs: cuts[i + 1]!.fromNs }),
  }));
}

/** The condition of a range. Its first parts are such that DuckDB skips row groups by their statistics. */
export function rangeCondition({ first, last, fromNs, toNs }: KeyRange, nameColumns: readonly string[]): string {
  const conditions = boundsOfNames(first, last, nameColumns);
  if (fromNs !== undefined) conditions.push(`"timestamp" >= ${timestampLiteral(fromNs)}`);
  if (toNs !== undefined) conditions.push(`"timestamp" < ${timestampLiteral(toNs)}`);
  return conditions.join(' AND ');
}

function boundsOfNames(first: readonly string[], last: readonly string[], nameColumns: readonly string[]): string[] {
  const conditions: string[] = [];
  for (const [i, column] of nameColumns.entries()) {
    const name = identifier(column);
    if (first[i] === last[i]) {
      conditions.push(`${name} = ${literal(first[i]!)}`);
      continue;
    }
    conditions.push(`${name} BETWEEN ${literal(first[i]!)} AND ${literal(last[i]!)}`);
    const next = nameColumns[i + 1];
    if (next !== undefined) {
      // What follows bounds only the rows of the first name and of the last.
      conditions.push(`NOT (${name} = ${literal(first[i]!)} AND ${identifier(next)} < ${literal(first[i + 1]!)})`);
      conditions.push(`NOT (${name} = ${literal(last[i]!)} AND ${identifier(next)} > ${literal(last[i + 1]!)})`);
    }
    break;
  }
  return conditions;
}

function byTime(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}

/** By their UTF-8 bytes, as DuckDB orders text. */
function compareNames(a: readonly string[], b: readonly string[]): number {
  return a.reduce((order, name, i) => order || Buffer.compare(Buffer.from(name), Buffer.from(b[i]!)), 0);
}

import type { Rows } from './attribute-moves.ts';
import { identifier, literal, timestampLiteral } from './sql-text.ts';

/**
 * A range of the sort key: the names from `first` to `last`, both inclusive, and within a single name a range of time, or
 * within a single time a range of the rows' places in their files.
 */
export interface KeyRange {
  readonly first: readonly string[];
  readonly last: readonly string[];
  /** Inclusive. */
  readonly fromNs?: bigint;
  /** Exclusive. */
  readonly toNs?: bigint;
  /** Numbers of rows in their files, the first inclusive, the last exclusive. */
  readonly places?: readonly [from: bigint, to: bigint];
  readonly rows: number;
}

/** Rows of a name, or of a few names that are next to each other. */
export interface NameCount {
  readonly first: readonly string[];
  readonly last: readonly string[];
  readonly rows: number;
}

/** A part of a name's rows; those of the one after begin where it ends. */
export type NamePart = Pick<KeyRange, 'fromNs' | 'toNs' | 'places' | 'rows'>;

/** A name that has a little more than a range should have is not worth a second range. */
const SLACK = 1.25;
/** Names of fewer rows than this part of a range are counted together. */
const FEW = 8;
/** Into how many parts a stretch of time, or of places, is cut at once. */
const PARTS = 512n;

export interface KeyCensus {
  readonly ranges: readonly KeyRange[];
  readonly rows: number;
  readonly minTimestampNs: bigint;
  readonly maxTimestampNs: bigint;
}

/**
 * Cuts the rows of a query into ranges of about `maxRows` each, in the order of the key.
 * @param source what stands behind FROM, with a condition that others can be added to
 */
export async function keyRanges(
  source: string,
  nameColumns: readonly string[],
  maxRows: number,
  query: Rows,
): Promise<KeyCensus> {
  const groups = await countNames(source, nameColumns, Math.ceil(maxRows / FEW), query);
  const parts = new Map<NameCount, readonly NamePart[]>();
  for (const group of groups) {
    if (group.rows <= SLACK * maxRows) continue;
    const own = `${source} AND ${equalNames(group.first, nameColumns)}`;
    parts.set(
      group,
      await cutTime(own, { fromNs: group.minTimestampNs, toNs: group.maxTimestampNs + 1n }, maxRows, query),
    );
  }
  const times = groups.flatMap(({ minTimestampNs, maxTimestampNs }) => [minTimestampNs, maxTimestampNs]).sort(byTime);
  return {
    ranges: cutRanges(groups, (group) => parts.get(group), maxRows),
    rows: groups.reduce((sum, { rows }) => sum + rows, 0),
    minTimestampNs: times[0] ?? 0n,
    maxTimestampNs: times.at(-1) ?? 0n,
  };
}

interface CountedNames extends NameCount {
  readonly minTimestampNs: bigint;
  readonly maxTimestampNs: bigint;
}

/** In the order of the names: each that has more than `few` rows, and the others in groups of up to twice as many. */
async function countNames(
  source: string,
  nameColumns: readonly string[],
  few: number,
  query: Rows,
): Promise<CountedNames[]> {
  const names = nameColumns.map(identifier);
  const ends = (aggregate: string) => names.map((name) => `${aggregate}(${name}, until)`).join(', ');
  const counted = await query(
    `WITH counts AS (
       SELECT ${names.join(', ')}, count(*) AS count, min("timestamp") AS earliest, max("timestamp") AS latest
       FROM ${source} GROUP BY ALL
     ), places AS (
       SELECT *, sum(count) OVER before AS until, count(*) FILTER (count > ${few}) OVER before AS larger
       FROM counts WINDOW before AS (ORDER BY ${names.join(', ')} ROWS UNBOUNDED PRECEDING)
     )
     SELECT ${ends('arg_min')}, ${ends('arg_max')}, sum(count)::BIGINT, epoch_ns(min(earliest)), epoch_ns(max(latest))
     FROM places GROUP BY larger, count > ${few}, CASE WHEN count > ${few} THEN 0 ELSE until // ${few} END
     ORDER BY min(until)`,
  );
  const width = names.length;
  return counted.map((row) => ({
    first: row.slice(0, width) as string[],
    last: row.slice(width, 2 * width) as string[],
    rows: Number(row[2 * width]),
    minTimestampNs: row[2 * width + 1] as bigint,
    maxTimestampNs: row[2 * width + 2] as bigint,
  }));
}

/** The rows of one name in parts by their time, and of one time by their places. */
async function cutTime(
  source: string,
  { fromNs, toNs }: { readonly fromNs: bigint; readonly toNs: bigint },
  maxRows: number,
  query: Rows,
): Promise<NamePart[]> {
  const step = (toNs - fromNs - 1n) / PARTS + 1n;
  const counted = await query(
    `SELECT (epoch_ns("timestamp") - ${fromNs}) // ${step} AS part, count(*) FROM ${source} GROUP BY 1 ORDER BY 1`,
  );
  const parts: NamePart[] = [];
  for (const [at, count] of counted) {
    const start = fromNs + BigInt(at as bigint) * step;
    const end = start + step < toNs ? start + step : toNs;
    const rows = Number(count);
    const own = `${source} AND ${timeCondition(start, end)}`;
    if (rows <= SLACK * maxRows) parts.push({ fromNs: start, toNs: end, rows });
    else if (step > 1n) parts.push(...(await cutTime(own, { fromNs: start, toNs: end }, maxRows, query)));
    else for (const part of await cutPlaces(own, maxRows, query)) parts.push({ fromNs: start, toNs: end, ...part });
  }
  return parts;
}

/** Rows with the same key, in no order. */
async function cutPlaces(source: string, maxRows: number, query: Rows): Promise<Pick<NamePart, 'places' | 'rows'>[]> {
  // A number stands for a row of each file.
  const step = BigInt(maxRows) / PARTS + 1n;
  const counted = await query(`SELECT file_row_number // ${step}, count(*) FROM ${source} GROUP BY 1 ORDER BY 1`);
  const cuts: { from: bigint; to: bigint; rows: number }[] = [];
  for (const [at, count] of counted as [bigint, bigint][]) {
    const from = at * step;
    const rows = Number(count);
    const last = cuts.at(-1);
    if (last === undefined || last.rows + rows > maxRows) cuts.push({ from, to: from + step, rows });
    else Object.assign(last, { to: from + step, rows: last.rows + rows });
  }
  return cuts.map(({ from, to, rows }) => ({ places: [from, to], rows }));
}

/**
 * Joins neighbours while they have no more than `maxRows`, and cuts a name with more into parts.
 * @param groups in the order of their names
 * @param partsOf in order, of a group with more
 */
export function cutRanges(
  groups: readonly NameCount[],
  partsOf: (group: NameCount) => readonly NamePart[] | undefined,
  maxRows: number,
): KeyRange[] {
  const ranges: KeyRange[] = [];
  let open: KeyRange | undefined;
  const close = () => {
    if (open !== undefined) ranges.push(open);
    open = undefined;
  };
  for (const group of groups) {
    const { first, last, rows } = group;
    if (rows > SLACK * maxRows) {
      close();
      ranges.push(...joinParts(partsOf(group) ?? [], maxRows).map((part) => ({ first, last, ...part })));
      continue;
    }
    if (open !== undefined && open.rows + rows > maxRows) close();
    open = { first: open?.first ?? first, last, rows: (open?.rows ?? 0) + rows };
  }
  close();
  return ranges;
}

/** Of about the same size; places of one time are left as they are. */
function joinParts(parts: readonly NamePart[], maxRows: number): NamePart[] {
  const total = parts.reduce((sum, { rows }) => sum + rows, 0);
  const wanted = total / Math.ceil(total / maxRows);
  const joined: NamePart[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    const isAlone = last === undefined || last.places !== undefined || part.places !== undefined;
    if (isAlone || last.rows + part.rows / 2 > wanted) joined.push(part);
    else joined[joined.length - 1] = { ...last, toNs: part.toNs!, rows: last.rows + part.rows };
  }
  return joined;
}

/** The condition of a range. Its first parts are such that DuckDB skips row groups by their statistics. */
export function rangeCondition(
  { first, last, fromNs, toNs, places }: KeyRange,
  nameColumns: readonly string[],
): string {
  return [
    ...boundsOfNames(first, last, nameColumns),
    ...(fromNs === undefined || toNs === undefined ? [] : [timeCondition(fromNs, toNs)]),
    ...(places === undefined ? [] : [`file_row_number >= ${places[0]} AND file_row_number < ${places[1]}`]),
  ].join(' AND ');
}

function timeCondition(fromNs: bigint, toNs: bigint): string {
  return `"timestamp" >= ${timestampLiteral(fromNs)} AND "timestamp" < ${timestampLiteral(toNs)}`;
}

function equalNames(names: readonly string[], nameColumns: readonly string[]): string {
  return nameColumns.map((column, i) => `${identifier(column)} = ${literal(names[i]!)}`).join(' AND ');
}

function boundsOfNames(first: readonly string[], last: readonly string[], nameColumns: readonly string[]): string[] {
  const differing = nameColumns.findIndex((_, i) => first[i] !== last[i]);
  const same = differing < 0 ? nameColumns : nameColumns.slice(0, differing);
  const conditions = same.length === 0 ? [] : [equalNames(first, same)];
  if (differing < 0) return conditions;
  const name = identifier(nameColumns[differing]!);
  const [from, to] = [literal(first[differing]!), literal(last[differing]!)];
  conditions.push(`${name} BETWEEN ${from} AND ${to}`);
  const next = nameColumns[differing + 1];
  if (next !== undefined) {
    // What follows bounds only the rows of the first name and of the last.
    const following = identifier(next);
    conditions.push(`NOT (${name} = ${from} AND ${following} < ${literal(first[differing + 1]!)})`);
    conditions.push(`NOT (${name} = ${to} AND ${following} > ${literal(last[differing + 1]!)})`);
  }
  return conditions;
}

function byTime(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}

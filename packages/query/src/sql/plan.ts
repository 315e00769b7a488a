import type { AttributeColumn, CompiledSearch, DataFile, TableName, TableUsage, TextSearcher } from '@openwit/ports';
import type { ScanBatch, ScanPlan } from '../memory/scan-plan.ts';
import { type AstNode, columnRef, replaceNode, selectStatement, type TypedNode, walk } from './ast.ts';
import { type HiddenColumn, replaceAccesses } from './attribute-access.ts';
import { authorise } from './authorise.ts';
import { replaceClock } from './clock-functions.ts';
import type { Condition, ConditionColumn } from './conditions.ts';
import { type PlanStep, stepsOf } from './explain.ts';
import type { FunctionCatalog } from './functions.ts';
import { type IndexAnswers, knownRows, type ToldRows, toldRows, withRowsRead } from './known-rows.ts';
import { type AnalyserOf, MatchCalls } from './match-calls.ts';
import type { BindableValue } from './parameters.ts';
import { toSql } from './parse.ts';
import { pruneFiles } from './prune.ts';
import { queryError } from './query-error.ts';
import { type RemoteRead, remoteReads } from './remote-reads.ts';
import { type Resolution, Resolver } from './resolve.ts';
import type { TableUse } from './scope.ts';
import { newNonce, type Session } from './session.ts';
import { isSmall } from './small-results.ts';
import {
  type FileGroup,
  groupFiles,
  identifier,
  type LocalPaths,
  literal,
  scanColumns,
  type TableRead,
  TIME,
  tableSql,
} from './table-sql.ts';
import { usageSql } from './usage-table.ts';
import { EVERY_COLUMN, wantedColumns } from './wanted-columns.ts';

/** A table's part of the snapshot, as it crosses to the worker. */
export interface TableInput {
  readonly batches: readonly ScanBatch[];
  readonly files: readonly DataFile[];
  readonly attributeColumns: readonly AttributeColumn[];
}

export interface PlanRequest {
  readonly sql: string;
  readonly tree: AstNode;
  readonly tables: Partial<Readonly<Record<TableName, TableInput>>>;
  /** Milliseconds since the Unix epoch: what `now()` is. */
  readonly nowMs: number;
  readonly parameters: Readonly<Record<string, BindableValue>>;
  readonly functions: FunctionCatalog;
  /** Whether accesses to attributes become columns; without, each table has all its columns and no others. */
  readonly attributeColumns: boolean;
  /** What `match` means; without, there is none. */
  readonly searcher?: TextSearcher | undefined;
  /** How text becomes words, where it is not by `log`. */
  readonly analyserOf?: AnalyserOf;
  /** What the indexes of files tell; without, no index is asked. */
  readonly indexes?: IndexAnswers | undefined;
  /** What the tenant has in files: `openwit.usage`. */
  readonly usage: readonly TableUsage[];
  /** Whether the query, of one file of one table, may read {@link ROW_NUMBER}. */
  readonly rowNumbers?: boolean;
}

/** A query as DuckDB runs it. */
export interface QueryPlan {
  readonly sql: string;
  /** By the name that the SQL gives to the memory function. */
  readonly scans: ReadonlyMap<string, ScanPlan>;
  /** By the name that the SQL gives to the match function. */
  readonly tests: ReadonlyMap<string, CompiledSearch>;
  /** Its result surely has few rows. */
  readonly isSmall: boolean;
  /** Names of the parameters that the query had. */
  readonly parameters: ReadonlySet<string>;
  readonly files: { readonly read: readonly DataFile[]; readonly skipped: number };
  /** What it reads of files that are not here. `sql` leaves these files out. */
  readonly remote: readonly RemoteRead[];
  /** What EXPLAIN says of it. */
  readonly steps: readonly PlanStep[];
  /** The plan that reads all its files. */
  withPaths(paths: LocalPaths): QueryPlan;
  /** What the user calls the columns that were added: DuckDB's errors speak of these. */
  readonly names: ReadonlyMap<string, string>;
}

const NO_INPUT: TableInput = { batches: [], files: [], attributeColumns: [] };

/**
 * Resolves, authorises and rewrites a query; the tree is changed on the way. The tables' SQL is put in as text, in the
 * place of names that nobody can guess. @throws QUERY_INVALID, QUERY_FORBIDDEN
 */
export async function planQuery(session: Session, request: PlanRequest): Promise<QueryPlan> {
  const { sql, tree, functions } = request;
  // Always the same one, so that what was worked out for a query holds for it the next time.
  const nonce = sql.includes(session.nonce) ? newNonce() : session.nonce;
  const query = (tree.statements as AstNode[])[0]!.node as AstNode;
  const { parameters, searcher, analyserOf = () => 'log' as const } = request;
  const matches = new MatchCalls({ sql, nonce, parameters, searcher, analyserOf });
  const resolution = new Resolver(sql, nonce, matches).resolve(query);
  authorise(query, sql, functions, {
    table: (name) => name.startsWith(`${nonce}_`),
    call: (node) => matches.nodes.has(node),
  });
  const parameterNames = parametersOf(query);
  const { rowNumbers = false } = request;
  if (rowNumbers && resolution.uses.length !== 1) {
    throw queryError('QUERY_INVALID', 'a condition on records has no subqueries');
  }

  const attributes = request.attributeColumns;
  const named = resolution.unnamed.filter(({ hasOnlyAccesses }) => attributes || !hasOnlyAccesses);
  for (const node of resolution.clockNodes) replaceClock(node, request.nowMs);
  const files = await pruneFiles(session, request, resolution.uses, (use) => inputOf(request, use).files);
  const told = await askIndexes(request, resolution, files, query);
  const hidden = new Map(resolution.uses.map((use) => [use, attributes ? hide(use, inputOf(request, use)) : []]));
  for (const star of resolution.stars) excludeHidden(star, hidden);
  named.forEach(({ item }, i) => {
    item.alias = `${nonce}_name${i}`;
  });

  const before = attributes ? wantedColumns(query, resolution) : EVERY_COLUMN;
  const conditions = new Map(
    resolution.uses.map((use) => {
      const mayReplace = attributes && !use.wholeRow && told.get(use)!.isExact;
      return [use, mayReplace ? told.get(use)!.conditions : []];
    }),
  );
  for (const [use, own] of conditions) {
    own.forEach(({ node }, i) => {
      replaceNode(node, columnRef(conditionName(use, i)));
    });
  }
  for (const star of resolution.stars) excludeConditions(star, conditions);
  const wanted = attributes ? wantedColumns(query, resolution) : EVERY_COLUMN;
  const text = await toSql(session, tree);
  const scans = new Map<string, ScanPlan>();
  const remote: RemoteRead[] = [];
  const words = new Map<string, (paths: LocalPaths) => string>();
  const filesRead: DataFile[] = [];
  const rows = new Map<string, number>();
  const steps: PlanStep[] = [];
  for (const use of resolution.uses) {
    const input = inputOf(request, use);
    const columns = use.columns.filter(({ name }) => name === TIME || before.has(use, name));
    const own = hidden.get(use)!;
    const asked = conditions.get(use)!;
    const inConditions = [
      ...columns.map(({ name }) => name).filter((name) => name !== TIME && !wanted.has(use, name)),
      ...own.map(({ name }) => name).filter((name) => !wanted.isMentioned(name)),
    ];
    const read: TableRead = {
      table: use.table,
      columns,
      hidden: own,
      isTimeUnread: !before.has(use, TIME),
      rowNumbers,
      conditions: asked.map((condition, i) => ({
        name: conditionName(use, i),
        sql: condition.sql((column) => columnName(column, own)),
      })),
      inConditions: new Set(asked.length > 0 ? inConditions : []),
    };
    const known = knownRows(read, told.get(use)!, request.indexes);
    const left = files.get(use)!.filter((file) => told.get(use)!.rows.get(file)?.count !== 0);
    const inMemory = !rowNumbers && (input.batches.length > 0 || left.length === 0);
    if (inMemory) scans.set(use.token, { table: use.table, columns: scanColumns(read), batches: input.batches });
    const groups = withRowsRead(read, groupFiles(read, left, input.attributeColumns, known), request.indexes);
    for (const { files: members, known: told } of groups) if (told?.choice.kind !== 'count') filesRead.push(...members);
    remote.push(...remoteReads(read, groups));
    const memoryRows = inMemory ? input.batches.reduce((sum, batch) => sum + batch.rows, 0) : 0;
    steps.push(
      ...stepsOf({ use, files: input.files, timely: files.get(use)!, told: told.get(use)!, groups, memoryRows }),
    );
    rows.set(use.token, rowsAtMost(groups, inMemory ? input.batches : []));
    words.set(use.token, (paths) => tableSql(read, inMemory ? use.token : undefined, groups, paths));
  }
  for (const token of resolution.usageTokens) words.set(token, () => usageSql(request.usage));
  for (const [i, { original }] of named.entries()) {
    const name = await toSql(session, selectStatement([original]));
    words.set(`${nonce}_name${i}`, () => identifier(name.replace(/^SELECT /, '')));
  }
  const total = resolution.uses.reduce((sum, use) => sum + inputOf(request, use).files.length, 0);
  const word = new RegExp(`${nonce}_(?:name)?\\d+(?!\\w)`, 'g');
  const small = isSmall(query as TypedNode, functions, (token) => rows.get(token) ?? Number.POSITIVE_INFINITY);
  const planFor = (paths: LocalPaths): QueryPlan => ({
    sql: text.replace(word, (found) => words.get(found)?.(paths) ?? found),
    scans,
    tests: matches.tests,
    isSmall: small,
    parameters: parameterNames,
    files: { read: filesRead, skipped: total - filesRead.length },
    remote,
    steps,
    withPaths: planFor,
    names: new Map([...hidden.values()].flat().map(({ name, map, key }) => [name, `${map}[${literal(key)}]`])),
  });
  return planFor(new Map());
}

function inputOf({ tables }: PlanRequest, use: TableUse): TableInput {
  return tables[use.table] ?? NO_INPUT;
}

function hide(use: TableUse, input: TableInput): HiddenColumn[] {
  return use.wholeRow ? [] : replaceAccesses(use, input.attributeColumns);
}

function excludeHidden(
  star: Resolution['stars'][number],
  hidden: ReadonlyMap<TableUse, readonly HiddenColumn[]>,
): void {
  const names = star.uses.flatMap((use) => hidden.get(use)!.map(({ name }) => name));
  star.node.exclude_list = [...(star.node.exclude_list as string[]), ...names];
}

/** Of what is read of a table. */
function rowsAtMost(groups: readonly FileGroup[], batches: readonly ScanBatch[]): number {
  const inFiles = groups.map(({ files, known }) => {
    const choice = known?.choice;
    if (choice?.kind === 'count' || choice?.kind === 'read') return choice.rows;
    return choice?.kind === 'few' ? choice.rows.length : files.reduce((sum, file) => sum + file.rows, 0);
  });
  return [...inFiles, ...batches.map((batch) => batch.rows)].reduce((sum, count) => sum + count, 0);
}

/** What indexes tell of each use of a table. */
async function askIndexes(
  { indexes, attributeColumns }: PlanRequest,
  resolution: Resolution,
  files: ReadonlyMap<TableUse, readonly DataFile[]>,
  query: AstNode,
): Promise<ReadonlyMap<TableUse, ToldRows>> {
  const { uses, conditions } = resolution;
  const nodes = new Set<AstNode>(conditions.map(({ node }) => node));
  const others = attributeColumns ? wantedColumns(query, resolution, nodes) : EVERY_COLUMN;
  const told = uses.map(async (use): Promise<[TableUse, ToldRows]> => {
    const isCount = !use.columns.some(({ name }) => others.has(use, name));
    const own = conditions.filter((condition) => condition.use === use);
    return [use, await toldRows(indexes, use, files.get(use)!, own, isCount)];
  });
  return new Map(await Promise.all(told));
}

function excludeConditions(
  star: Resolution['stars'][number],
  conditions: ReadonlyMap<TableUse, readonly Condition[]>,
): void {
  const names = star.uses.flatMap((use) => conditions.get(use)!.map((_, i) => conditionName(use, i)));
  star.node.exclude_list = [...(star.node.exclude_list as string[]), ...names];
}

/** What a condition is called as a column of its table. */
function conditionName({ token }: TableUse, i: number): string {
  return `${token}_c${i}`;
}

function columnName(column: ConditionColumn, hidden: readonly HiddenColumn[]): string {
  if ('name' in column) return column.name;
  return hidden.find(({ map, key, part }) => map === column.map && key === column.key && part === 'text')!.name;
}

function parametersOf(query: AstNode): ReadonlySet<string> {
  const names = new Set<string>();
  walk(query, (node) => {
    if (node.class === 'PARAMETER') names.add(String(node.identifier));
  });
  return names;
}

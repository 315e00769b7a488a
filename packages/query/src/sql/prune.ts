import type { DataFile } from '@openwit/ports';
import {
  type AstNode,
  cast,
  copyOf,
  functionCall,
  isExpression,
  replaceNode,
  selectStatement,
  sqlType,
  walk,
} from './ast.ts';
import { bindParameters } from './parameters.ts';
import { toSql } from './parse.ts';
import type { PlanRequest } from './plan.ts';
import type { TableUse } from './scope.ts';
import type { Session } from './session.ts';

/** DuckDB may compare times rounded to a coarser unit, down to seconds: what lies this close to a bound stays. */
const MARGIN_NS = 2_000_000_000n;

/** The files of each table that can hold a row within its bounds. */
export async function pruneFiles(
  session: Session,
  request: PlanRequest,
  uses: readonly TableUse[],
  filesOf: (use: TableUse) => readonly DataFile[],
): Promise<ReadonlyMap<TableUse, readonly DataFile[]>> {
  const bounds = uses.flatMap((use) =>
    use.keepAllRows || filesOf(use).length === 0
      ? []
      : use.bounds.filter((bound) => isConstant(bound.expression, request)).map((bound) => ({ use, ...bound })),
  );
  const values = await evaluate(
    session,
    request,
    bounds.map(({ expression }) => expression),
  );
  return new Map(
    uses.map((use) => {
      const own = bounds.flatMap((bound, i) => (bound.use === use ? [{ side: bound.side, ns: values[i] }] : []));
      const mayHold = (file: DataFile) =>
        own.every(({ side, ns }) => {
          if (ns === undefined) return true;
          return side === 'lower' ? file.maxTimestampNs >= ns - MARGIN_NS : file.minTimestampNs <= ns + MARGIN_NS;
        });
      return [use, filesOf(use).filter(mayHold)];
    }),
  );
}

function isConstant(expression: AstNode, { functions }: PlanRequest): boolean {
  let constant = true;
  walk(expression, (node) => {
    if (typeof node.function_name === 'string') constant &&= functions.constant.has(node.function_name.toLowerCase());
  });
  return constant;
}

/** Nanoseconds since the epoch; undefined for what is no time, so that DuckDB itself says what is wrong with it. */
async function evaluate(
  session: Session,
  { parameters }: PlanRequest,
  expressions: readonly AstNode[],
): Promise<(bigint | undefined)[]> {
  if (expressions.length === 0) return [];
  const used: Record<string, (typeof parameters)[string]> = {};
  const calls = expressions.map((expression) => {
    const copy = copyOf(expression);
    walk(copy, (node) => {
      if (!isExpression(node) || node.class !== 'PARAMETER') return;
      // Named anew: a statement with `$2` alone would want a `$1`.
      const name = String(node.identifier);
      if (!(name in parameters)) return;
      used[`p_${name}`] = parameters[name]!;
      replaceNode(node, { ...node, identifier: `p_${name}` });
    });
    return functionCall('epoch_ns', cast(copy, sqlType('TIMESTAMP_NS'), true));
  });
  const sql = await toSql(session, selectStatement(calls));
  try {
    const prepared = await session.connection.prepare(sql);
    try {
      bindParameters(prepared, used);
      const reader = await prepared.runAndReadAll();
      return reader.getRows()[0]!.map((value) => (typeof value === 'bigint' ? value : undefined));
    } finally {
      prepared.destroySync();
    }
  } catch {
    // What fails here fails in the query too, where the error has its place.
    return expressions.map(() => undefined);
  }
}

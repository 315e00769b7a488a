import { type AstNode, type Expression, isNode, type TypedNode } from './ast.ts';

/** The sides of a set operation. */
export function queriesOf(node: AstNode): TypedNode[] {
  return [node.left, node.right, ...((node.children ?? []) as unknown[])].filter(isNode) as TypedNode[];
}

export function lowerCase(names: readonly string[]): Set<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}

/** An alias list names the first columns anew; what was behind them keeps its name. */
export function renamed(columns: ReadonlySet<string> | undefined, aliases: readonly string[]): Set<string> | undefined {
  return columns === undefined ? undefined : new Set([...columns, ...lowerCase(aliases)]);
}

/** The names of a query's columns, as far as one could be that of a table's column. */
export function outputNames(node: TypedNode): Set<string> | undefined {
  if (node.type === 'SET_OPERATION_NODE')
    return node.setop_type === 'UNION_BY_NAME' ? undefined : outputNames(queriesOf(node)[0]!);
  if (node.type !== 'SELECT_NODE') return undefined;
  const items = node.select_list as Expression[];
  if (items.some((item) => item.class === 'STAR')) return undefined;
  // The name of any other expression is its text, which is no identifier.
  return lowerCase(items.map((item) => item.alias || ((item.column_names as string[] | undefined)?.at(-1) ?? '')));
}

/** `range(…)` and `unnest(…)` have one column of their own name; an unnested list of structs is one too. */
export function functionColumns(call: Expression): Set<string> | undefined {
  const name = String(call.function_name).toLowerCase();
  const simple =
    ['range', 'generate_series', 'unnest'].includes(name) &&
    (name !== 'unnest' || (call.children as unknown[]).length === 1);
  return simple ? new Set([name]) : undefined;
}

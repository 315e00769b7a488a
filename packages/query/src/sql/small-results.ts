import { type AstNode, type Expression, type TypedNode, walk } from './ast.ts';
import type { FunctionCatalog } from './functions.ts';

/** What a result may have at the most to be small. */
const MOST_ROWS = 1000;

/**
 * Whether the result of a query surely has few rows: for its LIMIT, as one aggregate of all rows, or for what it reads.
 * @param rowsOf how many rows a table has at the most, by the token that stands for it
 */
export function isSmall(
  query: TypedNode,
  { aggregates }: Pick<FunctionCatalog, 'aggregates'>,
  rowsOf: (token: string) => number,
): boolean {
  if (query.type !== 'SELECT_NODE') return false;
  if ((limitOf(query) ?? MOST_ROWS + 1) <= MOST_ROWS) return true;
  const items = query.select_list as Expression[];
  // It makes many rows of one.
  if (calls(items, (name) => name === 'unnest')) return false;
  const isGrouped = [query.group_expressions, query.group_sets].some((list) => (list as unknown[]).length > 0);
  if (
    !isGrouped &&
    query.aggregate_handling === 'STANDARD_HANDLING' &&
    items.some((item) => isAggregate(item, aggregates))
  )
    return true;
  const from = query.from_table as TypedNode;
  if (from.type === 'EMPTY') return true;
  return from.type === 'BASE_TABLE' && rowsOf(String(from.table_name)) <= MOST_ROWS;
}

function limitOf({ modifiers }: TypedNode): number | undefined {
  const limit = (modifiers as AstNode[]).find(({ type }) => type === 'LIMIT_MODIFIER')?.limit as Expression | undefined;
  if (limit?.class !== 'CONSTANT') return undefined;
  const { value } = limit.value as { value?: unknown };
  return typeof value === 'number' ? value : undefined;
}

/** Of the rows of this query, not of one within. */
function isAggregate(item: unknown, aggregates: ReadonlySet<string>): boolean {
  if (Array.isArray(item)) return item.some((part) => isAggregate(part, aggregates));
  if (typeof item !== 'object' || item === null) return false;
  const node = item as Expression;
  if (node.class === 'SUBQUERY' || node.class === 'WINDOW') return false;
  if (node.class === 'FUNCTION' && aggregates.has(String(node.function_name).toLowerCase())) return true;
  return Object.values(node).some((part) => isAggregate(part, aggregates));
}

function calls(tree: unknown, isMeant: (name: string) => boolean): boolean {
  let found = false;
  walk(tree, (node) => {
    found ||= node.class === 'FUNCTION' && isMeant(String(node.function_name).toLowerCase());
  });
  return found;
}

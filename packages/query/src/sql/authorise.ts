import { type AstNode, isExpression, locationOf, walk } from './ast.ts';
import { type FunctionCatalog, MAX_STRUCTURE_DEPTH, STRUCTURED, TABLE_FUNCTIONS } from './functions.ts';
import { positionOfByte, queryError, quoted } from './query-error.ts';

const EXPRESSIONS = new Set([
  'BETWEEN',
  'CASE',
  'CAST',
  'COLLATE',
  'COLUMN_REF',
  'COMPARISON',
  'CONJUNCTION',
  'CONSTANT',
  'DEFAULT',
  'FUNCTION',
  'LAMBDA',
  'LAMBDA_REF',
  'OPERATOR',
  'PARAMETER',
  'POSITIONAL_REFERENCE',
  'STAR',
  'SUBQUERY',
  'TYPE',
  'WINDOW',
]);

const TABLES_AND_QUERIES = new Set([
  'BASE_TABLE',
  'EMPTY',
  'EXPRESSION_LIST',
  'JOIN',
  'PIVOT',
  'SHOW_REF',
  'SUBQUERY',
  'TABLE_FUNCTION',
  'SELECT_NODE',
  'SET_OPERATION_NODE',
  'RECURSIVE_CTE_NODE',
]);

/** Table references and queries have one of these beside their type; modifiers and types do not. */
const TABLE_OR_QUERY_KEYS = ['sample', 'cte_map', 'select_list', 'table_name', 'show_type'];

/**
 * The second look at a query, after its tables were resolved: everything in the tree must be known to be harmless.
 * `isResolved` tells which table names the resolution itself put there.
 */
export function authorise(
  tree: AstNode,
  sql: string,
  functions: FunctionCatalog,
  isResolved: (tableName: string) => boolean,
): void {
  walk(tree, (node) => {
    const refuse = (what: string): never => {
      throw queryError('QUERY_FORBIDDEN', what, { position: positionOfByte(sql, locationOf(node)) });
    };
    if (isExpression(node)) {
      if (!EXPRESSIONS.has(node.class)) refuse(`expression is not allowed, class=${quoted(node.class)}`);
      if (node.export_state === true) refuse('export_state is not allowed');
    } else if (typeof node.type === 'string' && TABLE_OR_QUERY_KEYS.some((key) => key in node)) {
      if (!TABLES_AND_QUERIES.has(node.type)) refuse(`statement is not allowed, type=${quoted(node.type)}`);
    }
    if (typeof node.function_name === 'string') {
      const name = node.function_name.toLowerCase();
      if (!functions.allowed.has(name) && !TABLE_FUNCTIONS.has(name))
        refuse(`function is not allowed, function=${quoted(name)}`);
      if (STRUCTURED.has(name) && !isFlatConstant((node.children as unknown[] | undefined)?.at(-1)))
        refuse(`the structure must be a constant of at most ${MAX_STRUCTURE_DEPTH} levels, function=${quoted(name)}`);
    }
    // Reading a text as VARIANT recurses without end.
    if (isVariant(node)) refuse('the type VARIANT is not allowed');
    if (node.type === 'BASE_TABLE' && !isResolved(String(node.table_name))) {
      refuse(`table is not allowed, table=${quoted(String(node.table_name))}`);
    }
    if (node.type === 'TABLE_FUNCTION') {
      const name = String((node.function as AstNode | undefined)?.function_name).toLowerCase();
      if (!TABLE_FUNCTIONS.has(name)) refuse(`table function is not allowed, function=${quoted(name)}`);
    }
    if (node.type === 'SHOW_REF' && (node.query === null || node.query === undefined)) refuse('SHOW is not allowed');
  });
}

function isVariant({ id, type, name }: AstNode): boolean {
  return id === 'VARIANT' || (type === 'UNBOUND_TYPE_INFO' && String(name).toUpperCase() === 'VARIANT');
}

function isFlatConstant(argument: unknown): boolean {
  if (!isExpression(argument) || argument.class !== 'CONSTANT') return false;
  const { value } = argument.value as { value?: unknown };
  if (typeof value !== 'string') return true;
  let depth = 0;
  for (const character of value) {
    if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth--;
    if (depth > MAX_STRUCTURE_DEPTH) return false;
  }
  return true;
}

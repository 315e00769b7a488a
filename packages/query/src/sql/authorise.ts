import { type AstNode, type Expression, isExpression, locationOf, walk } from './ast.ts';
import {
  AMPLIFIERS,
  type FunctionCatalog,
  MAX_AMPLIFICATION,
  MAX_STRUCTURE_DEPTH,
  STRUCTURED,
  TABLE_FUNCTIONS,
} from './functions.ts';
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

/** What in a tree is not the user's. */
export interface OwnNodes {
  table(name: string): boolean;
  call(node: AstNode): boolean;
}

/**
 * The second look at a query, after its tables were resolved: everything in the tree must be known to be harmless.
 * `own` tells what the resolution itself put there.
 */
export function authorise(tree: AstNode, sql: string, functions: FunctionCatalog, own: OwnNodes): void {
  /** Calls in FROM, whose rows come one after the other. */
  const streamed = new Set<unknown>();
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
    if (typeof node.function_name === 'string' && !own.call(node)) {
      const name = node.function_name.toLowerCase();
      if (!functions.allowed.has(name) && !TABLE_FUNCTIONS.has(name))
        refuse(`function is not allowed, function=${quoted(name)}`);
      if (STRUCTURED.has(name) && !isFlatConstant((node.children as unknown[] | undefined)?.at(-1)))
        refuse(`the structure must be a constant of at most ${MAX_STRUCTURE_DEPTH} levels, function=${quoted(name)}`);
    }
    if (node.type === 'TABLE_FUNCTION') streamed.add(node.function);
    if (isExpression(node) && !streamed.has(node) && amplifies(node)) {
      const message = `a value would be too long, function=${quoted(String(node.function_name))}, limit=${MAX_AMPLIFICATION}`;
      throw queryError('QUERY_LIMIT', message, { position: positionOfByte(sql, locationOf(node)) });
    }
    // Reading a text as VARIANT recurses without end.
    if (isVariant(node)) refuse('the type VARIANT is not allowed');
    if (node.type === 'BASE_TABLE' && !own.table(String(node.table_name))) {
      refuse(`table is not allowed, table=${quoted(String(node.table_name))}`);
    }
    if (node.type === 'TABLE_FUNCTION') {
      const name = String((node.function as AstNode | undefined)?.function_name).toLowerCase();
      if (!TABLE_FUNCTIONS.has(name)) refuse(`table function is not allowed, function=${quoted(name)}`);
    }
    if (node.type === 'SHOW_REF' && (node.query === null || node.query === undefined)) refuse('SHOW is not allowed');
  });
}

function amplifies({ function_name: name, children }: Expression): boolean {
  if (typeof name !== 'string' || !AMPLIFIERS.has(name.toLowerCase()) || !Array.isArray(children)) return false;
  return children.some((child) => isExpression(child) && Number(constantOf(child)) > MAX_AMPLIFICATION);
}

function constantOf(node: Expression): unknown {
  return node.class === 'CONSTANT' ? (node.value as { value?: unknown }).value : undefined;
}

function isVariant({ id, type, name }: AstNode): boolean {
  return id === 'VARIANT' || (type === 'UNBOUND_TYPE_INFO' && String(name).toUpperCase() === 'VARIANT');
}

function isFlatConstant(argument: unknown): boolean {
  if (!isExpression(argument) || argument.class !== 'CONSTANT') return false;
  const value = constantOf(argument);
  if (typeof value !== 'string') return true;
  let depth = 0;
  for (const character of value) {
    if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth--;
    if (depth > MAX_STRUCTURE_DEPTH) return false;
  }
  return true;
}

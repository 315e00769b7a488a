/** A node of DuckDB's syntax tree as `json_serialize_sql` gives it. Numbers that JavaScript would round are raw JSON. */
export interface AstNode {
  [key: string]: unknown;
}

/** An expression: `class` and `type` say which. */
export interface Expression extends AstNode {
  class: string;
  type: string;
  alias: string;
}

/** A query (`SELECT_NODE`, `SET_OPERATION_NODE`, …) or something in FROM (`BASE_TABLE`, `JOIN`, …). */
export interface TypedNode extends AstNode {
  type: string;
}

interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}
const exactJson = JSON as unknown as ExactJson;

/** `JSON.parse` that keeps every digit: 1.0 stays 1.0, and 2^64 - 1 (an unknown location) stays that. */
export function parseExact(text: string): AstNode {
  return exactJson.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && String(value) !== source ? exactJson.rawJSON(source!) : value,
  ) as AstNode;
}

export function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isExpression(value: unknown): value is Expression {
  return isNode(value) && typeof value.class === 'string';
}

/** Calls `visit` with every node under `value`, itself included, parents first. */
export function walk(value: unknown, visit: (node: AstNode) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, visit);
  } else if (isNode(value)) {
    visit(value);
    for (const key in value) walk(value[key], visit);
  }
}

/** Makes `node` another node in place, so that whoever refers to it sees the new one. */
export function replaceNode(node: AstNode, replacement: AstNode): void {
  for (const key of Object.keys(node)) delete node[key];
  Object.assign(node, replacement);
}

/** A copy that keeps raw numbers, which are frozen objects. */
export function copyOf<T>(tree: T): T {
  if (Array.isArray(tree)) return tree.map(copyOf) as T;
  if (!isNode(tree) || Object.isFrozen(tree)) return tree;
  return Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, copyOf(child)])) as T;
}

/** Byte offset in the SQL text that was parsed. */
export function locationOf(node: AstNode): number | undefined {
  return typeof node.query_location === 'number' ? node.query_location : undefined;
}

export function columnRef(...names: readonly string[]): Expression {
  return { class: 'COLUMN_REF', type: 'COLUMN_REF', alias: '', query_location: 0, column_names: [...names] };
}

export function textConstant(text: string): Expression {
  const value = { type: { id: 'VARCHAR', type_info: null }, is_null: false, value: text };
  return { class: 'CONSTANT', type: 'VALUE_CONSTANT', alias: '', query_location: 0, value };
}

export function cast(child: AstNode, type: AstNode, tryCast = false): Expression {
  return {
    class: 'CAST',
    type: 'OPERATOR_CAST',
    alias: '',
    query_location: 0,
    child,
    cast_type: type,
    try_cast: tryCast,
  };
}

export function operator(type: string, ...children: readonly AstNode[]): Expression {
  return { class: 'OPERATOR', type, alias: '', query_location: 0, children };
}

export function functionCall(name: string, ...children: readonly AstNode[]): Expression {
  return {
    class: 'FUNCTION',
    type: 'FUNCTION',
    alias: '',
    query_location: 0,
    function_name: name,
    schema: '',
    children,
    filter: null,
    order_bys: { type: 'ORDER_MODIFIER', orders: [] },
    distinct: false,
    is_operator: false,
    export_state: false,
    catalog: '',
  };
}

export function sqlType(id: string): AstNode {
  return { id, type_info: null };
}

/** `SELECT` of these expressions from nothing, as a whole statement. */
export function selectStatement(expressions: readonly AstNode[]): AstNode {
  return {
    error: false,
    statements: [
      {
        node: {
          type: 'SELECT_NODE',
          modifiers: [],
          cte_map: { map: [] },
          select_list: expressions,
          from_table: { type: 'EMPTY', alias: '', sample: null, query_location: 0 },
          where_clause: null,
          group_expressions: [],
          group_sets: [],
          aggregate_handling: 'STANDARD_HANDLING',
          having: null,
          sample: null,
          qualify: null,
        },
        named_param_map: [],
      },
    ],
  };
}

import { type CompiledSearch, type IndexCondition, TABLES } from '@openwit/ports';
import { MATCH_FUNCTION } from '../search/match-function.ts';
import type { AstNode, Expression } from './ast.ts';
import { accessOf } from './attribute-access.ts';
import type { BindableValue } from './parameters.ts';
import type { Scope, TableUse } from './scope.ts';
import { identifier, literal } from './table-sql.ts';

/** What a condition is about: a column of text, or an attribute. */
export type ConditionColumn = { readonly name: string } | { readonly map: string; readonly key: string };

/** A conjunct of a WHERE clause that the index of a file may answer. A row that does not meet it is in no result. */
export interface Condition {
  readonly use: TableUse;
  /** In the tree. */
  readonly node: Expression;
  readonly columns: readonly ConditionColumn[];
  /** What indexes are asked: rows that meet the conjunct meet all of these. */
  readonly parts: readonly IndexCondition[];
  /** Rows that meet those meet the conjunct. */
  readonly isWhole: boolean;
  /** The conjunct, with its columns called as they are wherever it stands. */
  sql(nameOf: (column: ConditionColumn) => string): string;
}

/** A `match` of the query, as it became a call of {@link MATCH_FUNCTION}. */
export interface MatchCall {
  readonly name: string;
  readonly search: CompiledSearch;
  readonly text: string;
  /** Of its fields; undefined where one is an expression. */
  readonly columns: readonly (ConditionColumn | undefined)[];
  readonly use: TableUse | undefined;
}

export interface ConditionContext {
  readonly scope: Scope;
  readonly matches: ReadonlyMap<AstNode, MatchCall>;
  readonly parameters: Readonly<Record<string, BindableValue>>;
}

/** What a WHERE clause asks of tables that stand in this FROM, as far as indexes can tell. */
export function conditionsOf(where: Expression, context: ConditionContext): Condition[] {
  if (where.class === 'CONJUNCTION' && where.type === 'CONJUNCTION_AND') {
    return (where.children as Expression[]).flatMap((child) => conditionsOf(child, context));
  }
  const condition = matched(where, context) ?? equal(where, context) ?? like(where, context);
  return condition === undefined || !context.scope.uses().includes(condition.use) ? [] : [condition];
}

/** The column or attribute that an expression is, of which table. */
export function columnOf(node: Expression, scope: Scope): { use: TableUse; column: ConditionColumn } | undefined {
  const access = accessOf(node, scope);
  if (access !== undefined) {
    const { map, key, form } = access.access;
    return form === 'value' ? { use: access.use, column: { map, key } } : undefined;
  }
  if (node.class !== 'COLUMN_REF') return undefined;
  const names = node.column_names as string[];
  if (names.length > 2) return undefined;
  const use = scope.find(names.at(-1)!, names.length === 2 ? names[0] : undefined);
  const name = names.at(-1)!.toLowerCase();
  if (use === undefined || !TABLES[use.table].some((column) => column.name === name && column.type === 'text'))
    return undefined;
  return { use, column: { name } };
}

/** What files call it. */
export function storedName(column: ConditionColumn): string {
  return 'name' in column ? column.name : `${column.map}.${column.key}`;
}

function matched(node: Expression, { matches }: ConditionContext): Condition | undefined {
  const call = matches.get(node);
  if (call?.use === undefined) return undefined;
  const columns = call.columns.filter((column) => column !== undefined);
  if (columns.length < call.columns.length) return undefined;
  // The row of NULLs of a join would be one that was not there.
  if (call.use.isOptional && matchesNothing(call.search)) return undefined;
  const part = { kind: 'match', search: call.search, columns: columns.map(storedName) } as const;
  return {
    use: call.use,
    node,
    columns,
    parts: [part],
    isWhole: true,
    sql: (nameOf) => {
      const words = [literal(call.name), literal(call.text), ...columns.map((column) => identifier(nameOf(column)))];
      return `${MATCH_FUNCTION}(${words.join(', ')})`;
    },
  };
}

/** Whether a row without any value matches: one that is to have no word. */
function matchesNothing({ test, fields }: CompiledSearch): boolean {
  const none = { data: new Uint8Array(0), offsets: new Int32Array(2), validity: new Uint8Array(1) };
  return (
    test(
      1,
      fields.map(() => none),
    )[0] === 1
  );
}

function equal(node: Expression, context: ConditionContext): Condition | undefined {
  const sides = equalSides(node, context);
  if (sides === undefined) return undefined;
  const found = columnOf(sides.column, context.scope);
  if (found === undefined) return undefined;
  const { use, column } = found;
  const { values } = sides;
  return {
    use,
    node,
    columns: [column],
    parts: [{ kind: 'equals', column: storedName(column), values }],
    isWhole: true,
    sql: (nameOf) => `${identifier(nameOf(column))} IN (${values.map(literal).join(', ')})`,
  };
}

/** `column = 'a'`, `'a' = column`, `column IN ('a', 'b')`, `column IN $list`. */
function equalSides(
  node: Expression,
  context: ConditionContext,
): { readonly column: Expression; readonly values: readonly string[] } | undefined {
  const texts = (nodes: readonly Expression[]): string[] | undefined => {
    const found = nodes.map((one) => textOf(one, context));
    return found.every((text) => text !== undefined) ? found : undefined;
  };
  if (node.class === 'COMPARISON' && node.type === 'COMPARE_EQUAL') {
    const { left, right } = node as Expression & Record<'left' | 'right', Expression>;
    const ofRight = texts([right]);
    if (ofRight !== undefined) return { column: left, values: ofRight };
    const ofLeft = texts([left]);
    return ofLeft && { column: right, values: ofLeft };
  }
  if (node.class === 'OPERATOR' && node.type === 'COMPARE_IN') {
    const [column, ...list] = node.children as Expression[];
    const values = texts(list);
    return values && { column: column!, values };
  }
  if (nameOf(node) !== 'contains') return undefined;
  const [list, column] = node.children as Expression[];
  const values = list!.class === 'PARAMETER' ? context.parameters[String(list!.identifier)] : undefined;
  if (!Array.isArray(values) || !values.every((value) => typeof value === 'string')) return undefined;
  return values.length === 0 ? undefined : { column: column!, values };
}

const PREFIX = new Set(['starts_with', 'prefix', '^@']);
const SUFFIX = new Set(['ends_with', 'suffix']);

function like(node: Expression, context: ConditionContext): Condition | undefined {
  const name = nameOf(node);
  if (name === undefined) return undefined;
  const [subject, pattern, escaping] = node.children as Expression[];
  const found = subject && columnOf(subject, context.scope);
  const text = pattern && textOf(pattern, context);
  if (found === undefined || text === undefined) return undefined;
  const { use, column } = found;
  const make = (pieces: readonly string[], isWhole: boolean, sql: (own: string) => string): Condition | undefined => {
    const parts = pieces.map((piece) => ({ kind: 'contains', column: storedName(column), text: piece }) as const);
    const sqlOf = (own: (column: ConditionColumn) => string) => sql(identifier(own(column)));
    return parts.length === 0 ? undefined : { use, node, columns: [column], parts, isWhole, sql: sqlOf };
  };
  if (name === 'contains') return make(text === '' ? [] : [text], true, (own) => `contains(${own}, ${literal(text)})`);
  if (PREFIX.has(name) || SUFFIX.has(name)) {
    const call = PREFIX.has(name) ? 'starts_with' : 'ends_with';
    return make(text === '' ? [] : [text], false, (own) => `${call}(${own}, ${literal(text)})`);
  }
  if (name === '~~') return make(piecesOf(text), false, (own) => `${own} LIKE ${literal(text)}`);
  if (name !== 'like_escape') return undefined;
  const mark = escaping && textOf(escaping, context);
  if (mark === undefined || mark.length !== 1) return undefined;
  return make(piecesOf(text, mark), false, (own) => `${own} LIKE ${literal(text)} ESCAPE ${literal(mark)}`);
}

/** What is between the wildcards of a pattern. */
function piecesOf(pattern: string, mark?: string): string[] {
  const pieces = [''];
  for (let i = 0; i < pattern.length; i++) {
    const letter = pattern[i]!;
    if (letter === mark && i + 1 < pattern.length) pieces[pieces.length - 1] += pattern[++i]!;
    else if (letter === '%' || letter === '_') pieces.push('');
    else pieces[pieces.length - 1] += letter;
  }
  return pieces.filter((piece) => piece !== '');
}

function nameOf(node: Expression): string | undefined {
  return node.class === 'FUNCTION' && (node.schema === '' || node.schema === 'main')
    ? String(node.function_name).toLowerCase()
    : undefined;
}

function textOf(node: Expression, { parameters }: ConditionContext): string | undefined {
  if (node.class === 'PARAMETER') {
    const value = parameters[String(node.identifier)];
    return typeof value === 'string' ? value : undefined;
  }
  if (node.class !== 'CONSTANT') return undefined;
  const { type, is_null: isNull, value } = node.value as { type: { id: string }; is_null: boolean; value?: unknown };
  return type.id === 'VARCHAR' && !isNull && typeof value === 'string' ? value : undefined;
}

import {
  type CompiledSearch,
  isOpenWitError,
  type OpenWitError,
  TABLES,
  type TableName,
  type TextAnalyser,
  type TextSearcher,
} from '@openwit/ports';
import { MATCH_FUNCTION } from '../search/match-function.ts';
import {
  type AstNode,
  columnRef,
  type Expression,
  functionCall,
  locationOf,
  operator,
  replaceNode,
  textConstant,
} from './ast.ts';
import { type ConditionColumn, columnOf, type MatchCall, storedName } from './conditions.ts';
import type { BindableValue } from './parameters.ts';
import { positionOfByte, queryError, quoted } from './query-error.ts';
import type { Scope, TableUse } from './scope.ts';

/** What SQL calls it. */
const MATCH = 'match';

export interface MatchContext {
  readonly sql: string;
  /** In front of the tests' names. */
  readonly nonce: string;
  readonly parameters: Readonly<Record<string, BindableValue>>;
  readonly searcher: TextSearcher | undefined;
  readonly analyserOf: AnalyserOf;
}

/** How the text of a stored column becomes words. */
export type AnalyserOf = (table: TableName, column: string) => TextAnalyser;

/** A field of a search. */
interface Field {
  readonly node: AstNode;
  /** Undefined where it is an expression. */
  readonly column: ConditionColumn | undefined;
}

/** The `match(column, search)` of a query, each of which becomes a call of {@link MATCH_FUNCTION} with the columns that its search names. */
export class MatchCalls {
  readonly #context: MatchContext;
  /** By the name that the call gives it. */
  readonly tests: Map<string, CompiledSearch> = new Map();
  /** The calls, in the tree. */
  readonly nodes: Map<AstNode, MatchCall> = new Map();

  get parameters(): MatchContext['parameters'] {
    return this.#context.parameters;
  }

  constructor(context: MatchContext) {
    this.#context = context;
  }

  /** Puts the call in the place of a `match`; other expressions stay. @throws QUERY_INVALID, QUERY_LIMIT, MISSING_PACKAGE */
  replace(node: Expression, scope: Scope): void {
    if (node.class !== 'FUNCTION' || String(node.function_name).toLowerCase() !== MATCH) return;
    const { searcher, nonce, analyserOf } = this.#context;
    if (searcher === undefined) throw this.#wrong(node, 'this engine has no full-text search');
    const [column, search, ...others] = node.children as Expression[];
    if (column === undefined || search === undefined || others.length > 0) {
      throw this.#wrong(node, 'match takes a column and a search');
    }
    const text = this.#textOf(search);
    if (text === undefined)
      throw this.#wrong(search, 'the search of a match must be a text, or a parameter that is one');
    const own = columnOf(column, scope);
    const fields: Field[] = [{ node: column, column: own?.column }];
    const fieldOf = (name: string): TextAnalyser => {
      const field = this.#field(name, column, scope);
      fields.push(field);
      return analyserOf(field.use.table, storedName(field.column));
    };
    const analyser = own === undefined ? 'log' : analyserOf(own.use.table, storedName(own.column));
    const compiled = this.#compile(search, () => searcher.compile(text, analyser, fieldOf));
    const name = `${nonce}_match${this.tests.size}`;
    this.tests.set(name, compiled);
    const { alias, query_location: location } = node;
    // With the search itself: a parameter that nothing mentions would be one too many.
    const columns = fields.map((field) => field.node);
    replaceNode(node, functionCall(MATCH_FUNCTION, textConstant(name), search, ...columns));
    Object.assign(node, { alias, query_location: location });
    const known = fields.map((field) => field.column);
    this.nodes.set(node, { name, search: compiled, text, columns: known, use: own?.use });
  }

  #textOf(search: Expression): string | undefined {
    const value =
      search.class === 'PARAMETER'
        ? this.#context.parameters[String(search.identifier)]
        : (search.value as { value?: unknown } | undefined)?.value;
    return typeof value === 'string' ? value : undefined;
  }

  #compile(search: Expression, compile: () => CompiledSearch): CompiledSearch {
    try {
      return compile();
    } catch (error) {
      if (!isOpenWitError(error) || error.kind !== 'invalid' || error.details.position !== undefined) throw error;
      throw this.#wrong(search, error.message, error);
    }
  }

  /** A column by its name, an attribute by its key: of the table that the searched column is of. */
  #field(
    name: string,
    column: Expression,
    scope: Scope,
  ): Field & { readonly column: ConditionColumn; readonly use: TableUse } {
    const names = column.class === 'COLUMN_REF' ? (column.column_names as string[]) : [];
    const qualifiers = names.slice(0, -1);
    const use = names.length > 0 && names.length <= 2 ? scope.find(names.at(-1)!, qualifiers[0]) : undefined;
    if (use === undefined) {
      throw this.#wrong(column, `a search of this cannot name other fields, field=${quoted(name)}`);
    }
    if (isText(use, name)) return { node: columnRef(...qualifiers, name), column: { name }, use };
    const [map, key] = attributeOf(use, name);
    const node = operator('ARRAY_EXTRACT', columnRef(...qualifiers, map), textConstant(key));
    return { node, column: { map, key }, use };
  }

  #wrong(node: AstNode, message: string, cause?: OpenWitError): OpenWitError {
    const position = positionOfByte(this.#context.sql, locationOf(node));
    return queryError(cause?.code ?? 'QUERY_INVALID', message, { cause, position });
  }
}

function isText({ table }: TableUse, name: string): boolean {
  return TABLES[table].some((column) => column.name === name && column.type === 'text');
}

/** `resource_attributes.host.name` as its map and key; without a map it is an attribute of the record. */
function attributeOf({ table }: TableUse, name: string): [map: string, key: string] {
  const maps = TABLES[table].filter(({ type }) => type === 'attributes').map((column) => column.name);
  const map = maps.find((prefix) => name.startsWith(`${prefix}.`));
  return map === undefined ? ['attributes', name] : [map, name.slice(map.length + 1)];
}

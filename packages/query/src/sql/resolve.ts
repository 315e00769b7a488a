import { SIGNALS, type TableName } from '@openwit/ports';
import { type AstNode, copyOf, type Expression, isExpression, isNode, locationOf, type TypedNode } from './ast.ts';
import { accessOf } from './attribute-access.ts';
import { isClockExpression } from './clock-functions.ts';
import { type Condition, conditionsOf } from './conditions.ts';
import { LOGICAL_TABLES } from './logical-table.ts';
import type { MatchCalls } from './match-calls.ts';
import { functionColumns, lowerCase, outputNames, queriesOf, renamed } from './output-names.ts';
import { positionOfByte, queryError, quoted } from './query-error.ts';
import { CommonTables, Scope, type TableUse } from './scope.ts';
import { timeBounds } from './time-bounds.ts';
import { SYSTEM_SCHEMA, USAGE_COLUMNS, USAGE_TABLE } from './usage-table.ts';

/** What the names in a query mean. The tree's tables carry tokens afterwards; nothing else of it has changed. */
export interface Resolution {
  readonly uses: readonly TableUse[];
  /** The stars of select lists, with the tables whose columns each gives. */
  readonly stars: readonly { readonly node: Expression; readonly uses: readonly TableUse[] }[];
  /** `now()` and the like. */
  readonly clockNodes: readonly Expression[];
  readonly unnamed: readonly UnnamedItem[];
  /** The words that stand for `openwit.usage` in the tree. */
  readonly usageTokens: readonly string[];
  /** What indexes may be asked. */
  readonly conditions: readonly Condition[];
}

/** A select item without a name of its own, which DuckDB names by its text, and which the plan changes. */
export interface UnnamedItem {
  readonly item: Expression;
  /** As it was. */
  readonly original: Expression;
  /** It holds accesses to attributes and nothing else that changes. */
  readonly hasOnlyAccesses: boolean;
}

/**
 * Finds the tables, attributes and clocks of a query, following DuckDB's scoping. Where a name could mean two things it
 * is left alone: DuckDB then decides over the whole table. @throws QUERY_INVALID, QUERY_FORBIDDEN for other tables
 */
export class Resolver {
  readonly #sql: string;
  readonly #nonce: string;
  readonly #matches: MatchCalls;
  readonly #uses: TableUse[] = [];
  readonly #stars: { node: Expression; uses: TableUse[] }[] = [];
  readonly #clockNodes: Expression[] = [];
  readonly #unnamed: UnnamedItem[] = [];
  readonly #usageTokens: string[] = [];
  readonly #conditions: Condition[] = [];
  /** The stars of `ORDER BY ALL`. */
  readonly #orderByAll = new Set<Expression>();
  #names = 0;
  #accesses = 0;
  #commonReads = 0;

  constructor(sql: string, nonce: string, matches: MatchCalls) {
    this.#sql = sql;
    this.#nonce = nonce;
    this.#matches = matches;
  }

  resolve(query: AstNode): Resolution {
    this.#query(query as TypedNode, undefined, new CommonTables());
    return {
      uses: this.#uses,
      stars: this.#stars,
      clockNodes: this.#clockNodes,
      unnamed: this.#unnamed,
      usageTokens: this.#usageTokens,
      conditions: this.#conditions,
    };
  }

  #query(node: TypedNode, outer: Scope | undefined, around: CommonTables): void {
    const tables = this.#commonTables(node, outer, around);
    switch (node.type) {
      case 'SELECT_NODE':
        this.#select(node, outer, tables);
        return;
      case 'SET_OPERATION_NODE':
        for (const side of queriesOf(node)) this.#query(side, outer, tables);
        this.#expressions(node.modifiers, new Scope(undefined), tables);
        return;
      default:
        throw this.#forbidden(node, `statement is not allowed, type=${quoted(String(node.type))}`);
    }
  }

  #commonTables(node: AstNode, outer: Scope | undefined, around: CommonTables): CommonTables {
    const entries = ((node.cte_map as AstNode | undefined)?.map ?? []) as { key: string; value: AstNode }[];
    if (entries.length === 0) return around;
    const tables = new CommonTables(around);
    for (const entry of entries) {
      const name = entry.key;
      const renamed = this.#newName();
      const body = (entry.value.query as AstNode).node as TypedNode;
      const aliases = entry.value.aliases as string[];
      const columns = aliases.length > 0 ? lowerCase(aliases) : outputNames(body);
      if (body.type === 'RECURSIVE_CTE_NODE') this.#recursive(body, name, renamed, outer, tables);
      else this.#query(body, outer, tables);
      tables.add(name, renamed, columns);
      entry.key = renamed;
    }
    return tables;
  }

  /** The table's own name is known in the second part only; in the first it would be a table of the catalog. */
  #recursive(node: TypedNode, name: string, renamed: string, outer: Scope | undefined, around: CommonTables): void {
    const tables = this.#commonTables(node, outer, around);
    this.#query(node.left as TypedNode, outer, tables);
    const inside = new CommonTables(tables);
    inside.add(name, renamed, undefined);
    this.#query(node.right as TypedNode, outer, inside);
    this.#expressions(node.modifiers, new Scope(undefined), tables);
    this.#expressions(node.key_targets, new Scope(undefined), tables);
    node.cte_name = renamed;
  }

  #select(node: TypedNode, outer: Scope | undefined, tables: CommonTables): void {
    const items = node.select_list as Expression[];
    const scope = new Scope(outer, lowerCase(items.map((item) => item.alias).filter((alias) => alias !== '')));
    this.#from(node.from_table as TypedNode, scope, tables);
    for (const item of items) this.#selectItem(item, scope, tables);
    for (const star of orderByAllOf(node)) this.#orderByAll.add(star);
    for (const key in node) {
      if (key !== 'from_table' && key !== 'select_list' && key !== 'cte_map')
        this.#expressions(node[key], scope, tables);
    }
    if (isExpression(node.where_clause)) {
      for (const { use, bound } of timeBounds(node.where_clause, scope)) use.bounds.push(bound);
      const { nodes: matches, parameters } = this.#matches;
      this.#conditions.push(...conditionsOf(node.where_clause, { scope, matches, parameters }));
    }
  }

  /** What DuckDB would name by its text gets that text as its name: the text is another one when it comes to DuckDB. */
  #selectItem(item: Expression, scope: Scope, tables: CommonTables): void {
    if (item.class === 'STAR' && item.columns !== true && (item.expr ?? null) === null) {
      const relation = String(item.relation_name).toLowerCase();
      const sources = relation === '' ? scope.sources : scope.sources.filter((source) => source.alias === relation);
      this.#stars.push({ node: item, uses: sources.flatMap((source) => source.use ?? []) });
      this.#expressions(item.replace_list, scope, tables);
      return;
    }
    if (item.alias !== '') {
      this.#expressions(item, scope, tables);
      return;
    }
    const original = copyOf(item);
    const accesses = this.#accesses;
    const others = this.#otherChanges;
    this.#expressions(item, scope, tables);
    const hasOnlyAccesses = this.#otherChanges === others;
    if (!hasOnlyAccesses || this.#accesses > accesses) this.#unnamed.push({ item, original, hasOnlyAccesses });
  }

  get #otherChanges(): number {
    return this.#clockNodes.length + this.#uses.length + this.#commonReads + this.#matches.nodes.size;
  }

  #from(node: TypedNode, scope: Scope, tables: CommonTables): void {
    const alias = String(node.alias ?? '').toLowerCase();
    const renames = (node.column_name_alias ?? []) as string[];
    const derived = (columns: ReadonlySet<string> | undefined, name = alias) =>
      scope.sources.push({ alias: name, columns: renames.length > 0 ? renamed(columns, renames) : columns });
    switch (node.type) {
      case 'EMPTY':
        return;
      case 'BASE_TABLE':
        this.#table(node, scope, tables);
        return;
      case 'JOIN':
        this.#join(node, scope, tables);
        return;
      case 'SUBQUERY': {
        const query = (node.subquery as AstNode).node as TypedNode;
        this.#query(query, scope, tables);
        derived(outputNames(query));
        return;
      }
      case 'TABLE_FUNCTION': {
        const call = node.function as Expression;
        this.#expressions(call, scope, tables);
        derived(functionColumns(call), alias === '' ? String(call.function_name).toLowerCase() : alias);
        return;
      }
      case 'EXPRESSION_LIST':
        this.#expressions(node.values, scope, tables);
        derived(undefined);
        return;
      case 'PIVOT':
        this.#wholeRows(() => this.#from(node.source as TypedNode, new Scope(scope), tables));
        this.#expressions(node.pivots, new Scope(undefined), tables);
        this.#expressions(node.aggregates, new Scope(undefined), tables);
        derived(undefined);
        return;
      case 'SHOW_REF':
        if (!isNode(node.query)) throw this.#forbidden(node, 'SHOW is not allowed');
        this.#wholeRows(() => this.#query(node.query as TypedNode, undefined, tables));
        derived(undefined);
        return;
      default:
        throw this.#forbidden(node, `this is not allowed in FROM, type=${quoted(String(node.type))}`);
    }
  }

  #table(node: TypedNode, scope: Scope, tables: CommonTables): void {
    const name = String(node.table_name);
    const alias = node.alias === '' ? name : String(node.alias);
    const renames = node.column_name_alias as string[];
    if (isUsage(node)) {
      this.#usage(node, alias, renames, scope);
      return;
    }
    if (node.schema_name !== '' || node.catalog_name !== '') {
      throw this.#forbidden(node, `schemas are not allowed, table=${quoted(`${node.schema_name}.${name}`)}`);
    }
    if ((node.at_clause ?? null) !== null) throw this.#forbidden(node, 'AT is not allowed');
    node.alias = alias;
    const common = tables.get(name);
    if (common !== undefined) {
      node.table_name = common.renamed;
      this.#commonReads++;
      const columns = renames.length > 0 ? renamed(common.columns, renames) : common.columns;
      scope.sources.push({ alias: alias.toLowerCase(), columns });
      return;
    }
    const table = SIGNALS.find((signal) => signal === name.toLowerCase());
    if (table === undefined) throw this.#unknownTable(node, name);
    const use = this.#newUse(table, node);
    node.table_name = use.token;
    if (renames.length > 0) use.wholeRow = true;
    // With other names for its columns, the table is as good as unknown.
    scope.sources.push(
      renames.length > 0
        ? { alias: alias.toLowerCase(), columns: undefined }
        : { alias: alias.toLowerCase(), use, columns: new Set(use.columns.map((column) => column.name)) },
    );
  }

  #usage(node: TypedNode, alias: string, renames: readonly string[], scope: Scope): void {
    if ((node.at_clause ?? null) !== null) throw this.#forbidden(node, 'AT is not allowed');
    const token = this.#newName();
    this.#usageTokens.push(token);
    Object.assign(node, { schema_name: '', table_name: token, alias });
    scope.sources.push({ alias: alias.toLowerCase(), columns: renames.length > 0 ? undefined : USAGE_COLUMNS });
  }

  #newUse(table: TableName, node: AstNode): TableUse {
    const use: TableUse = {
      table,
      columns: LOGICAL_TABLES[table],
      token: this.#newName(),
      accesses: [],
      wholeRow: false,
      keepAllRows: (node.sample ?? null) !== null,
      isOptional: false,
      bounds: [],
    };
    this.#uses.push(use);
    return use;
  }

  #join(node: TypedNode, scope: Scope, tables: CommonTables): void {
    const first = this.#uses.length;
    this.#from(node.left as TypedNode, scope, tables);
    this.#from(node.right as TypedNode, scope, tables);
    this.#expressions(node.condition, scope, tables);
    if (node.join_type !== 'INNER') for (const use of this.#uses.slice(first)) use.isOptional = true;
    if (node.ref_type === 'REGULAR' || node.ref_type === 'CROSS' || node.ref_type === 'NATURAL') return;
    for (const use of this.#uses.slice(first)) use.keepAllRows = true;
  }

  /** Nothing may be added to the columns of the tables that `visit` finds. */
  #wholeRows(visit: () => void): void {
    const first = this.#uses.length;
    visit();
    for (const use of this.#uses.slice(first)) use.wholeRow = true;
  }

  #expressions(value: unknown, scope: Scope, tables: CommonTables): void {
    if (Array.isArray(value)) {
      for (const item of value) this.#expressions(item, scope, tables);
    } else if (isExpression(value)) {
      this.#expression(value, scope, tables);
    } else if (isNode(value)) {
      for (const key in value) this.#expressions(value[key], scope, tables);
    }
  }

  #expression(node: Expression, scope: Scope, tables: CommonTables): void {
    this.#matches.replace(node, scope);
    const access = accessOf(node, scope);
    if (access !== undefined) {
      access.use.accesses.push(access.access);
      this.#accesses++;
      return;
    }
    if (isClockExpression(node)) this.#clockNodes.push(node);
    if (node.class === 'COLUMN_REF') {
      const names = node.column_names as string[];
      if (names.length === 1) for (const use of scope.rowsNamed(names[0]!)) use.wholeRow = true;
    }
    // `t.to_json()` calls a function with the row of `t`.
    if (node.class === 'FUNCTION') for (const use of scope.rowsNamed(String(node.schema))) use.wholeRow = true;
    // Stars that are more than a list of columns: COLUMNS('…'), * LIKE, struct_pack(*).
    if (node.class === 'STAR' && !this.#orderByAll.has(node)) for (const use of scope.uses()) use.wholeRow = true;
    if (node.class === 'SUBQUERY') {
      this.#expressions(node.child, scope, tables);
      this.#query((node.subquery as AstNode).node as TypedNode, scope, tables);
      return;
    }
    const inside = node.class === 'LAMBDA' ? new Scope(scope, lambdaNames(node.lhs)) : scope;
    for (const key in node) this.#expressions(node[key], inside, tables);
  }

  #newName(): string {
    return `${this.#nonce}_${this.#names++}`;
  }

  #unknownTable(node: AstNode, name: string): Error {
    const position = positionOfByte(this.#sql, locationOf(node));
    if (/^(duckdb_|pg_|sqlite_|pragma_)|[./\\:*]/i.test(name)) {
      return queryError('QUERY_FORBIDDEN', `table is not allowed, table=${quoted(name)}`, { position });
    }
    const message = `table does not exist, there are traces, logs and metrics, table=${quoted(name)}`;
    return queryError('QUERY_INVALID', message, { position });
  }

  #forbidden(node: AstNode, message: string): Error {
    return queryError('QUERY_FORBIDDEN', message, { position: positionOfByte(this.#sql, locationOf(node)) });
  }
}

function lambdaNames(parameters: unknown): Set<string> {
  if (!isExpression(parameters)) return new Set();
  const nodes = parameters.class === 'COLUMN_REF' ? [parameters] : ((parameters.children ?? []) as Expression[]);
  return lowerCase(nodes.flatMap((node) => (node.column_names ?? []) as string[]));
}

/** `ORDER BY ALL` is a star that means the columns of the result. */
function orderByAllOf(select: TypedNode): Expression[] {
  const modifiers = (select.modifiers ?? []) as AstNode[];
  const orders = modifiers.flatMap(({ orders }) => (orders ?? []) as AstNode[]);
  return orders.flatMap(({ expression }) =>
    isExpression(expression) && isEveryColumn(expression) ? [expression] : [],
  );
}

function isEveryColumn({ class: kind, columns, expr }: Expression): boolean {
  return kind === 'STAR' && columns === true && (expr ?? null) === null;
}

function isUsage({ catalog_name: catalog, schema_name: schema, table_name: table }: AstNode): boolean {
  const isNamed = String(schema).toLowerCase() === SYSTEM_SCHEMA && String(table).toLowerCase() === USAGE_TABLE;
  return catalog === '' && isNamed;
}

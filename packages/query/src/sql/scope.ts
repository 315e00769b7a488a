import type { TableName } from '@openwit/ports';
import type { AstNode, Expression } from './ast.ts';
import type { LogicalColumn } from './logical-table.ts';

/** One place where a query names a table. */
export interface TableUse {
  readonly table: TableName;
  readonly columns: readonly LogicalColumn[];
  /** The word that stands for the table in the rewritten tree until its SQL is put there. */
  readonly token: string;
  readonly accesses: AttributeAccess[];
  /** Something sees the whole row (`select t from traces t`), so that no column may be added to it. */
  wholeRow: boolean;
  /** A join or sample depends on rows that a filter would drop, so that no file may be left out. */
  keepAllRows: boolean;
  /** An outer join may give it a row of NULLs. */
  isOptional: boolean;
  /** `timestamp` of every row that counts is in these bounds. */
  readonly bounds: TimeBound[];
}

/** `attributes['k']` somewhere in the query. */
export interface AttributeAccess {
  /** The node to put a column's name in the place of. */
  readonly node: AstNode;
  readonly map: string;
  readonly key: string;
  /** `value`: as text; `cast`: below a cast to `castType`; `contains`: whether the key is there. */
  readonly form: 'value' | 'cast' | 'contains';
  /** DuckDB's id of the cast's target. */
  readonly castType?: string;
  /** The alias that it is reached through, as written. */
  readonly qualifier: string | undefined;
}

/** A comparison with an expression that no row changes. Both bounds are inclusive: a superset is what pruning needs. */
export interface TimeBound {
  readonly side: 'lower' | 'upper';
  readonly expression: Expression;
}

/** One entry of a FROM clause. */
export interface Source {
  /** Lower case. */
  readonly alias: string;
  readonly use?: TableUse;
  /** Lower-case names of its columns; undefined when they are not known. */
  readonly columns: ReadonlySet<string> | undefined;
}

/** What a column's name can mean at a place in the query. Where it isn't certain, the answer is undefined. */
export class Scope {
  readonly parent: Scope | undefined;
  readonly sources: Source[] = [];
  /** Lower-case names that an alias or a lambda's parameter may have taken over. */
  readonly #taken: ReadonlySet<string>;

  constructor(parent: Scope | undefined, taken: ReadonlySet<string> = new Set()) {
    this.parent = parent;
    this.#taken = taken;
  }

  /** The table that `column` or `qualifier.column` is of, and only when nothing else can be meant. */
  find(column: string, qualifier: string | undefined): TableUse | undefined {
    const first = (qualifier ?? column).toLowerCase();
    if (this.#taken.has(first)) return undefined;
    if (qualifier !== undefined) {
      const named = this.sources.filter((source) => source.alias === first);
      if (named.length === 1) return named[0]!.columns?.has(column.toLowerCase()) ? named[0]!.use : undefined;
      if (named.length > 1) return undefined;
    }
    const holders = this.sources.filter((source) => source.columns === undefined || source.columns.has(first));
    if (holders.length === 0) return this.parent?.find(column, qualifier);
    return holders.length === 1 && qualifier === undefined ? holders[0]!.use : undefined;
  }

  /** The tables that `name` as a whole row could mean, at any depth. */
  rowsNamed(name: string): TableUse[] {
    const here = this.sources.flatMap((source) =>
      source.alias === name.toLowerCase() && source.use ? [source.use] : [],
    );
    return [...here, ...(this.parent?.rowsNamed(name) ?? [])];
  }

  /** The tables of this FROM clause, without those of queries around it. */
  uses(): TableUse[] {
    return this.sources.flatMap((source) => source.use ?? []);
  }
}

/** The names of common table expressions in scope, each with the unguessable name that replaces it. */
export class CommonTables {
  readonly #parent: CommonTables | undefined;
  readonly #tables = new Map<string, { readonly renamed: string; readonly columns: ReadonlySet<string> | undefined }>();

  constructor(parent?: CommonTables) {
    this.#parent = parent;
  }

  add(name: string, renamed: string, columns: ReadonlySet<string> | undefined): void {
    this.#tables.set(name.toLowerCase(), { renamed, columns });
  }

  get(name: string): { readonly renamed: string; readonly columns: ReadonlySet<string> | undefined } | undefined {
    return this.#tables.get(name.toLowerCase()) ?? this.#parent?.get(name);
  }
}

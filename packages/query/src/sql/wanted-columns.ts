import { type AstNode, isNode } from './ast.ts';
import type { Resolution } from './resolve.ts';
import type { TableUse } from './scope.ts';

/** What a query could mean by its names. */
export interface WantedColumns {
  /**
   * Whether it could mean a column of a table: by its name, by a star of its table, or by something that means columns without a
   * name.
   */
  has(use: TableUse, column: string): boolean;
  /** Whether it could mean a column that no star gives. */
  isMentioned(name: string): boolean;
}

export const EVERY_COLUMN: WantedColumns = { has: () => true, isMentioned: () => true };

const NONE: ReadonlySet<AstNode> = new Set();

/** @param except nodes that are not looked into */
export function wantedColumns(
  query: AstNode,
  { uses, stars }: Pick<Resolution, 'uses' | 'stars'>,
  except: ReadonlySet<AstNode> = NONE,
): WantedColumns {
  const names = new Set<string>();
  const whole = new Set([...uses.filter((use) => use.wholeRow), ...stars.flatMap((star) => star.uses)]);
  let all = false;
  const visit = (node: AstNode): void => {
    all ||=
      node.class === 'POSITIONAL_REFERENCE' ||
      node.type === 'PIVOT' ||
      node.type === 'SHOW_REF' ||
      node.ref_type === 'NATURAL';
    for (const name of (node.column_names ?? []) as string[]) names.add(name.toLowerCase());
    for (const name of (node.using_columns ?? []) as string[]) names.add(name.toLowerCase());
    // The star of a column gives its fields.
    if (node.class === 'STAR') names.add(String(node.relation_name).toLowerCase());
  };
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) walk(item);
    } else if (isNode(value) && !except.has(value)) {
      visit(value);
      for (const key in value) walk(value[key]);
    }
  };
  walk(query);
  return {
    has: (use, column) => all || whole.has(use) || names.has(column),
    isMentioned: (name) => all || names.has(name),
  };
}

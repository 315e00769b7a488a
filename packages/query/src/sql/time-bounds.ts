import { type AstNode, type Expression, isExpression, walk } from './ast.ts';
import type { Scope, TableUse, TimeBound } from './scope.ts';

/** How a comparison bounds its left side, and what it is with its sides exchanged. */
const COMPARISONS: Readonly<Record<string, { sides: readonly TimeBound['side'][]; exchanged: string }>> = {
  COMPARE_EQUAL: { sides: ['lower', 'upper'], exchanged: 'COMPARE_EQUAL' },
  COMPARE_LESSTHAN: { sides: ['upper'], exchanged: 'COMPARE_GREATERTHAN' },
  COMPARE_LESSTHANOREQUALTO: { sides: ['upper'], exchanged: 'COMPARE_GREATERTHANOREQUALTO' },
  COMPARE_GREATERTHAN: { sides: ['lower'], exchanged: 'COMPARE_LESSTHAN' },
  COMPARE_GREATERTHANOREQUALTO: { sides: ['lower'], exchanged: 'COMPARE_LESSTHANOREQUALTO' },
};

interface Bounded {
  readonly use: TableUse;
  readonly bound: TimeBound;
}

/**
 * What a WHERE clause says about `timestamp`: its top-level conjuncts only, as a row that fails one of them is in no
 * result, whatever kind of join it comes from.
 */
export function timeBounds(condition: Expression, scope: Scope): Bounded[] {
  if (condition.class === 'CONJUNCTION' && condition.type === 'CONJUNCTION_AND') {
    return (condition.children as Expression[]).flatMap((child) => timeBounds(child, scope));
  }
  if (condition.class === 'COMPARISON') {
    const { left, right, type } = condition as Expression & { left: Expression; right: Expression };
    const comparison = COMPARISONS[type];
    if (comparison === undefined) return [];
    return [
      ...bounded(left, right, comparison.sides, scope),
      ...bounded(right, left, COMPARISONS[comparison.exchanged]!.sides, scope),
    ];
  }
  if (condition.class === 'BETWEEN' && condition.type === 'COMPARE_BETWEEN') {
    const { input, lower, upper } = condition as Expression & Record<'input' | 'lower' | 'upper', Expression>;
    return [...bounded(input, lower, ['lower'], scope), ...bounded(input, upper, ['upper'], scope)];
  }
  return [];
}

function bounded(
  column: Expression,
  expression: Expression,
  sides: readonly TimeBound['side'][],
  scope: Scope,
): Bounded[] {
  if (column.class !== 'COLUMN_REF' || !isRowless(expression)) return [];
  const names = column.column_names as string[];
  if (names.length > 2 || names.at(-1)!.toLowerCase() !== 'timestamp') return [];
  const qualifier = names.length === 2 ? names[0] : undefined;
  const use = scope.find('timestamp', qualifier);
  // A table of a query around this one has other conditions than these on its rows.
  if (use === undefined || !scope.uses().includes(use)) return [];
  return sides.map((side) => ({ use, bound: { side, expression } }));
}

/** No column, no subquery: the same for every row. (Clock words are columns to the parser, and replaced before use.) */
function isRowless(expression: Expression): boolean {
  let rowless = true;
  walk(expression, (node: AstNode) => {
    if (!isExpression(node)) return;
    if (node.class === 'COLUMN_REF') rowless &&= /^(current_|local)/i.test(String((node.column_names as string[])[0]));
    else rowless &&= ['CONSTANT', 'PARAMETER', 'FUNCTION', 'CAST', 'OPERATOR'].includes(node.class);
  });
  return rowless;
}

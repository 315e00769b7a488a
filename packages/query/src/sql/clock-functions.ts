import { timestampText } from '../results/calendar.ts';
import { type AstNode, cast, type Expression, functionCall, replaceNode, sqlType, textConstant } from './ast.ts';

/** What each gives: DuckDB has them as functions, and most as words without parentheses too. */
const CLOCKS: Readonly<Record<string, 'TIMESTAMP' | 'DATE' | 'TIME' | 'AGO'>> = {
  ago: 'AGO',
  current_date: 'DATE',
  current_localtime: 'TIME',
  current_localtimestamp: 'TIMESTAMP',
  current_time: 'TIME',
  current_timestamp: 'TIMESTAMP',
  get_current_time: 'TIME',
  get_current_timestamp: 'TIMESTAMP',
  localtime: 'TIME',
  localtimestamp: 'TIMESTAMP',
  now: 'TIMESTAMP',
  today: 'DATE',
  transaction_timestamp: 'TIMESTAMP',
};

export function isClockExpression(node: Expression): boolean {
  const kind = CLOCKS[clockName(node)];
  if (kind === undefined) return false;
  const children = (node.children ?? []) as unknown[];
  return kind === 'AGO' ? node.class === 'FUNCTION' && children.length === 1 : children.length === 0;
}

/**
 * Puts the time of the query's start, UTC, in the place of the clock: as a TIMESTAMP without zone it compares with
 * TIMESTAMP_NS, which DuckDB's own `now()` does not.
 */
export function replaceClock(node: Expression, nowMs: number): void {
  const kind = CLOCKS[clockName(node)]!;
  const { alias } = node;
  const [date, time] = timestampText(BigInt(nowMs), 3).replace('Z', '').split('T') as [string, string];
  const constant = (id: string, text: string) => cast(textConstant(text), sqlType(id));
  const timestamp = constant('TIMESTAMP', `${date} ${time}`);
  const value: AstNode =
    kind === 'DATE'
      ? constant('DATE', date)
      : kind === 'TIME'
        ? constant('TIME', time)
        : kind === 'AGO'
          ? { ...functionCall('-', timestamp, (node.children as AstNode[])[0]!), is_operator: true }
          : timestamp;
  replaceNode(node, { ...value, alias });
}

function clockName(node: Expression): string {
  if (node.class === 'FUNCTION') return String(node.function_name).toLowerCase();
  const names = node.class === 'COLUMN_REF' ? (node.column_names as string[]) : [];
  // `today` and `now` without parentheses are columns.
  const word = names.length === 1 ? names[0]!.toLowerCase() : '';
  return word.startsWith('current_') || word.startsWith('local') ? word : '';
}

import { type AstNode, parseExact, walk } from './ast.ts';
import { positionOfByte, queryError } from './query-error.ts';
import type { Session } from './session.ts';

/** The one SELECT statement that `sql` is, as a tree. @throws QUERY_INVALID, QUERY_FORBIDDEN */
export async function parse(session: Session, sql: string): Promise<AstNode> {
  const tree = parseTree(await session.serialize(sql));
  if (tree.error === true) {
    if (tree.error_type === 'not implemented')
      throw queryError('QUERY_FORBIDDEN', 'only SELECT statements are allowed');
    const position = tree.position === undefined ? undefined : Number(tree.position);
    throw queryError('QUERY_INVALID', String(tree.error_message), { position: positionOfByte(sql, position) });
  }
  const statements = tree.statements as AstNode[];
  if (statements.length === 0) throw queryError('QUERY_INVALID', 'there is no statement', { position: 0 });
  if (statements.length > 1) {
    const position = positionOfByte(sql, firstLocation(statements[1]!));
    throw queryError('QUERY_FORBIDDEN', 'only one statement is allowed', { position });
  }
  return tree;
}

/** The SQL text of a tree. */
export function toSql(session: Session, tree: AstNode): Promise<string> {
  return session.deserialize(JSON.stringify(tree));
}

function parseTree(text: string): AstNode {
  try {
    return parseExact(text);
  } catch (error) {
    // DuckDB writes a literal like 1e400 as Infinity, which is no JSON.
    throw queryError('QUERY_INVALID', 'a number is out of range', { cause: error });
  }
}

function firstLocation(statement: AstNode): number | undefined {
  let first: number | undefined;
  walk(statement, ({ query_location: at }) => {
    if (typeof at === 'number' && (first === undefined || at < first)) first = at;
  });
  return first;
}

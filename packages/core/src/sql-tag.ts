import { OpenWitError } from '@openwit/ports';

/** A template's texts and values as SQL with numbered parameters: a value never becomes a part of the text. */
export function toStatement(texts: readonly string[], values: readonly unknown[]): { sql: string; params: unknown[] } {
  if (texts.length !== values.length + 1) {
    throw new OpenWitError('invalid', 'QUERY_INVALID', 'sql is a template tag, call it as wit.sql`…`');
  }
  const sql = texts.reduce((statement, text, i) => `${statement}$${i}${text}`);
  return { sql, params: [...values] };
}

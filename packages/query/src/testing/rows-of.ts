import type { QueryEngine, QueryOptions } from '../query-engine.ts';

/** All rows of a query as arrays, in the order of its columns. */
export async function rowsOf(engine: QueryEngine, sql: string, options: QueryOptions = {}): Promise<unknown[][]> {
  const rows = await (await engine.query(sql, options)).rows();
  return rows.map((row) => Object.values(row));
}

/** Chunks as one text. */
export async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString();
}

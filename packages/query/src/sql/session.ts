import { randomBytes } from 'node:crypto';
import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import { RecentTexts } from './recent.ts';

/** Of the texts of queries and their trees, in each direction. */
const MOST_CHARACTERS = 1024 * 1024;

/** What every query needs beside its own statement, prepared: that takes a third of the time of a small one. */
interface Prepared {
  readonly serialize: DuckDBPreparedStatement;
  readonly deserialize: DuckDBPreparedStatement;
  readonly begin: DuckDBPreparedStatement;
  readonly nothing: DuckDBPreparedStatement;
  readonly rollback: DuckDBPreparedStatement;
}

/** A connection, for one query at a time. */
export class Session {
  readonly connection: DuckDBConnection;
  /** What the names begin with that plans add to queries: nobody can guess it, and no two sessions have the same. */
  readonly nonce: string = newNonce();
  readonly #prepared: Prepared;
  readonly #trees = new RecentTexts(MOST_CHARACTERS);
  readonly #texts = new RecentTexts(MOST_CHARACTERS);

  private constructor(connection: DuckDBConnection, prepared: Prepared) {
    this.connection = connection;
    this.#prepared = prepared;
  }

  static async open(connection: DuckDBConnection): Promise<Session> {
    return new Session(connection, {
      serialize: await connection.prepare('select json_serialize_sql($1::varchar)'),
      deserialize: await connection.prepare('select json_deserialize_sql($1::varchar::json)'),
      begin: await connection.prepare('BEGIN'),
      nothing: await connection.prepare('SELECT 1'),
      rollback: await connection.prepare('ROLLBACK'),
    });
  }

  /** The syntax tree of `sql` as JSON, or what is wrong with it. */
  serialize(sql: string): Promise<string> {
    return this.#trees.of(sql, () => call(this.#prepared.serialize, sql));
  }

  /** The SQL of a syntax tree. */
  deserialize(json: string): Promise<string> {
    return this.#texts.of(json, () => call(this.#prepared.deserialize, json));
  }

  async begin(): Promise<void> {
    await this.#prepared.begin.run();
  }

  /** @throws when the transaction is aborted */
  async checkTransaction(): Promise<void> {
    await this.#prepared.nothing.run();
  }

  async rollback(): Promise<void> {
    await this.#prepared.rollback.run();
  }

  close(): void {
    for (const statement of Object.values(this.#prepared) as DuckDBPreparedStatement[]) statement.destroySync();
    this.connection.closeSync();
  }
}

export function newNonce(): string {
  return `openwit_${randomBytes(8).toString('hex')}`;
}

async function call(statement: DuckDBPreparedStatement, text: string): Promise<string> {
  statement.bindVarchar(1, text);
  const result = await statement.run();
  return String(result.getChunk(0).getColumnValues(0)[0]);
}

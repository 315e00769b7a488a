import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';

/** A connection with DuckDB's two syntax functions prepared: that takes a third of the time of a query with parameters. */
export class Session {
  readonly connection: DuckDBConnection;
  readonly #serialize: DuckDBPreparedStatement;
  readonly #deserialize: DuckDBPreparedStatement;

  private constructor(
    connection: DuckDBConnection,
    serialize: DuckDBPreparedStatement,
    deserialize: DuckDBPreparedStatement,
  ) {
    this.connection = connection;
    this.#serialize = serialize;
    this.#deserialize = deserialize;
  }

  static async open(connection: DuckDBConnection): Promise<Session> {
    return new Session(
      connection,
      await connection.prepare('select json_serialize_sql($1::varchar)'),
      await connection.prepare('select json_deserialize_sql($1::varchar::json)'),
    );
  }

  /** The syntax tree of `sql` as JSON, or what is wrong with it. */
  serialize(sql: string): Promise<string> {
    return call(this.#serialize, sql);
  }

  /** The SQL of a syntax tree. */
  deserialize(json: string): Promise<string> {
    return call(this.#deserialize, json);
  }

  close(): void {
    this.#serialize.destroySync();
    this.#deserialize.destroySync();
    this.connection.closeSync();
  }
}

async function call(statement: DuckDBPreparedStatement, text: string): Promise<string> {
  statement.bindVarchar(1, text);
  const result = await statement.run();
  return String(result.getChunk(0).getColumnValues(0)[0]);
}

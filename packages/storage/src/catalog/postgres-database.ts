import { isOpenWitError, OpenWitError } from '@openwit/ports';
import type { Pool, PoolClient } from 'pg';
import type { Row, SqlDatabase, SqlDialect, SqlSession, SqlValue } from './sql-database.ts';

export interface PostgresSettings {
  /** `postgres://user:password@host:5432/database` */
  readonly connectionString: string;
  /** Default 4: one writes, the others read. */
  readonly maxConnections?: number;
}

const RETRY_AFTER_MS = 1000;
const CONNECT_TIMEOUT_MS = 10_000;
/** What the server ends by itself, so that a node that hangs holds up the others no longer than this. */
const STATEMENT_TIMEOUT_MS = 60_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;
/** What the client gives up when the server is silent. */
const ANSWER_TIMEOUT_MS = 90_000;
/** SQLSTATE class of a damaged database. */
const DATA_CORRUPTED = /^XX00[12]$/;
const INT8_OID = 20;

/**
 * Writers of one catalog come one after the other: what a transaction reads is what it builds on. Its statements must see
 * what was committed while it waited for the lock, and its commit must be durable, whatever the server's defaults are.
 */
const BEGIN = `
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT pg_advisory_xact_lock(hashtext('openwit.catalog'), hashtext(current_schema())),
  CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END`;

const POSTGRES: SqlDialect = {
  tableExists: 'SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?',
  definitions: (script) => script.replaceAll(/\bINTEGER\b/g, 'BIGINT').replaceAll(' WITHOUT ROWID', ''),
};

/**
 * A Postgres database, or the schema of one that the connection's `search_path` names. A connection that is lost is
 * replaced by the next call.
 */
export class PostgresDatabase implements SqlDatabase {
  readonly dialect: SqlDialect = POSTGRES;
  readonly #pool: Pool;
  readonly #reads: SqlSession;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** @throws invalid / MISSING_PACKAGE */
  static async open({ connectionString, maxConnections = 4 }: PostgresSettings): Promise<PostgresDatabase> {
    const { Pool, types } = await loadDriver();
    const getTypeParser = (oid: number, format?: 'text' | 'binary') =>
      oid === INT8_OID ? exactNumber : types.getTypeParser(oid, format);
    const pool = new Pool({
      connectionString,
      max: maxConnections,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      keepAlive: true,
      allowExitOnIdle: true,
      application_name: 'openwit',
      types: { getTypeParser: getTypeParser as typeof types.getTypeParser },
    });
    // A lost connection is told to the call that uses it, and leaves the pool; without listeners it would end the process.
    pool.on('error', () => {});
    pool.on('connect', (client) => client.on('error', () => {}));
    return new PostgresDatabase(pool);
  }

  private constructor(pool: Pool) {
    this.#pool = pool;
    this.#reads = new PostgresSession((text, values) => this.#guard(() => pool.query(text, values)));
  }

  exec(script: string): Promise<void> {
    return this.#reads.exec(script);
  }

  run(sql: string, ...values: readonly SqlValue[]): Promise<number> {
    return this.#reads.run(sql, ...values);
  }

  get(sql: string, ...values: readonly SqlValue[]): Promise<Row | undefined> {
    return this.#reads.get(sql, ...values);
  }

  all(sql: string, ...values: readonly SqlValue[]): Promise<Row[]> {
    return this.#reads.all(sql, ...values);
  }

  insert(table: string, columns: readonly string[], rows: readonly (readonly SqlValue[])[]): Promise<void> {
    return this.#reads.insert(table, columns, rows);
  }

  /** One at a time, so that commits of one node wait here and not each in a connection. */
  /** Its log is the server's to keep. */
  async cutLog(): Promise<boolean> {
    return true;
  }

  transaction<T>(body: (sql: SqlSession) => Promise<T>): Promise<T> {
    const result = this.#last.then(() => this.#transact(body));
    this.#last = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    await this.#last;
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#pool.end();
  }

  async #transact<T>(body: (sql: SqlSession) => Promise<T>): Promise<T> {
    const client = await this.#guard(() => this.#pool.connect());
    try {
      const result = await this.#attempt(client, body);
      client.release();
      return result;
    } catch (error) {
      // The server rolls back by itself what is lost with its connection.
      const isLost =
        isLostConnection(error) ||
        (await client.query('ROLLBACK').then(
          () => false,
          () => true,
        ));
      client.release(isLost);
      throw error;
    }
  }

  async #attempt<T>(client: PoolClient, body: (sql: SqlSession) => Promise<T>): Promise<T> {
    const query: Query = (text, values) => this.#guard(() => client.query(text, values));
    await query(BEGIN);
    const result = await body(new PostgresSession(query));
    const { command } = await query('COMMIT');
    if (command !== 'COMMIT') throw new OpenWitError('internal', 'INTERNAL', 'a transaction went on behind an error');
    return result;
  }

  async #guard<T>(use: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new OpenWitError('closed', 'CLOSED', 'the catalog is closed');
    try {
      return await use();
    } catch (error) {
      if (isOpenWitError(error)) throw error;
      if (DATA_CORRUPTED.test((error as { code?: string }).code ?? '')) {
        throw new OpenWitError('data', 'STORE_CORRUPTION', 'the catalog is damaged', { cause: error });
      }
      const options = { cause: error, retryAfterMs: RETRY_AFTER_MS };
      throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'the catalog cannot be used', options);
    }
  }
}

/** Whether it is not an answer of the server after which the connection can be used. */
function isLostConnection(error: unknown): boolean {
  const { severity } = ((error as Error).cause ?? {}) as { severity?: string };
  return isOpenWitError(error) && error.code === 'STORE_UNAVAILABLE' && severity !== 'ERROR';
}

type Query = (text: string, values?: SqlValue[]) => Promise<Answer>;

interface Answer {
  readonly command: string;
  readonly rows: Row[];
  readonly rowCount: number | null;
}

class PostgresSession implements SqlSession {
  readonly #query: Query;

  constructor(query: Query) {
    this.#query = query;
  }

  async exec(script: string): Promise<void> {
    await this.#query(script);
  }

  async run(sql: string, ...values: readonly SqlValue[]): Promise<number> {
    return (await this.#query(numbered(sql), [...values])).rowCount ?? 0;
  }

  async get(sql: string, ...values: readonly SqlValue[]): Promise<Row | undefined> {
    return (await this.all(sql, ...values))[0];
  }

  async all(sql: string, ...values: readonly SqlValue[]): Promise<Row[]> {
    return (await this.#query(numbered(sql), [...values])).rows;
  }

  /** As one value: for hundreds of rows that costs both sides less than a value a cell. */
  async insert(table: string, columns: readonly string[], rows: readonly (readonly SqlValue[])[]): Promise<void> {
    const names = columns.join(', ');
    const sql = `INSERT INTO ${table}(${names}) SELECT ${names} FROM json_populate_recordset(NULL::${table}, $1)`;
    const records = rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
    await this.#query(sql, [
      JSON.stringify(records, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    ]);
  }
}

/** `?` as `$1`, `$2`, … */
function numbered(sql: string): string {
  let count = 0;
  return sql.replaceAll('?', () => `$${++count}`);
}

function exactNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new OpenWitError('internal', 'INTERNAL', `a number is too large to be exact, value=${text}`);
}

async function loadDriver(): Promise<Pick<typeof import('pg'), 'Pool' | 'types'>> {
  try {
    return (await import('pg')).default;
  } catch (cause) {
    const message = 'a catalog in Postgres needs the package pg: npm install pg';
    throw new OpenWitError('invalid', 'MISSING_PACKAGE', message, { cause });
  }
}

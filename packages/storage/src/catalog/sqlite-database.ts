import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { isOpenWitError, OpenWitError } from '@openwit/ports';
import {
  placeholders,
  type Row,
  type SqlDatabase,
  type SqlDialect,
  type SqlSession,
  type SqlValue,
} from './sql-database.ts';

const RETRY_AFTER_MS = 1000;
/** For as long a statement that another process is in the way of holds the thread. */
const BUSY_TIMEOUT_MS = 5000;
/** SQLite's primary result codes that mean the file is not what it was: SQLITE_CORRUPT, SQLITE_NOTADB. */
const CORRUPT = new Set([11, 26]);

/** DuckLake's types as DuckDB's `ducklake` extension writes them to SQLite. */
const SQLITE: SqlDialect = {
  tableExists: `SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`,
  definitions: (script) => script.replaceAll(/\bBOOLEAN\b/g, 'BIGINT').replaceAll(/\b(UUID|TIMESTAMPTZ)\b/g, 'VARCHAR'),
};

/**
 * A SQLite file whose commits survive a power cut, which other processes may read meanwhile. There is one connection:
 * what is asked outside a transaction waits for the transactions before it.
 */
export class SqliteDatabase implements SqlDatabase {
  readonly dialect: SqlDialect = SQLITE;
  readonly #connection: SqliteConnection;
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#connection = new SqliteConnection(path);
  }

  exec(script: string): Promise<void> {
    return this.#queue(() => this.#connection.exec(script));
  }

  run(sql: string, ...values: readonly SqlValue[]): Promise<number> {
    return this.#queue(() => this.#connection.run(sql, ...values));
  }

  get(sql: string, ...values: readonly SqlValue[]): Promise<Row | undefined> {
    return this.#queue(() => this.#connection.get(sql, ...values));
  }

  all(sql: string, ...values: readonly SqlValue[]): Promise<Row[]> {
    return this.#queue(() => this.#connection.all(sql, ...values));
  }

  insert(table: string, columns: readonly string[], rows: readonly (readonly SqlValue[])[]): Promise<void> {
    return this.#queue(() => this.#connection.insert(table, columns, rows));
  }

  transaction<T>(body: (sql: SqlSession) => Promise<T>): Promise<T> {
    return this.#queue(async () => {
      await this.#connection.exec('BEGIN IMMEDIATE');
      try {
        const result = await body(this.#connection);
        await this.#connection.exec('COMMIT');
        return result;
      } catch (error) {
        // SQLite itself has rolled back after some errors; then there is no transaction to end.
        if (this.#connection.isTransaction) await this.#connection.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** The log has pages as they were before. Readers are not waited for here: that would hold the thread. */
  cutLog(): Promise<boolean> {
    return this.#queue(async () => {
      await this.#connection.exec('PRAGMA busy_timeout = 0');
      try {
        const answer = await this.#connection.get('PRAGMA wal_checkpoint(TRUNCATE)');
        return answer?.busy === 0;
      } finally {
        await this.#connection.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
      }
    });
  }

  close(): Promise<void> {
    return this.#queue(async () => this.#connection.close());
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}

/** Statements are prepared once, and run in the turn that asks for them. */
class SqliteConnection implements SqlSession {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#path = path;
    this.#database = this.#guard(() => new DatabaseSync(path));
    try {
      this.#guard(() =>
        this.#database.exec(
          `PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON`,
        ),
      );
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get isTransaction(): boolean {
    return this.#database.isOpen && this.#database.isTransaction;
  }

  async exec(script: string): Promise<void> {
    this.#guard(() => this.#opened().exec(script));
  }

  async run(sql: string, ...values: readonly SqlValue[]): Promise<number> {
    return this.#guard(() => Number(this.#prepare(sql).run(...values.map(bound)).changes));
  }

  async get(sql: string, ...values: readonly SqlValue[]): Promise<Row | undefined> {
    return this.#guard(() => this.#prepare(sql).get(...values.map(bound)) as Row | undefined);
  }

  async all(sql: string, ...values: readonly SqlValue[]): Promise<Row[]> {
    return this.#guard(() => this.#prepare(sql).all(...values.map(bound)) as Row[]);
  }

  async insert(table: string, columns: readonly string[], rows: readonly (readonly SqlValue[])[]): Promise<void> {
    const sql = `INSERT INTO ${table}(${columns.join(', ')}) VALUES ${placeholders(columns.length)}`;
    this.#guard(() => {
      const statement = this.#prepare(sql);
      for (const row of rows) statement.run(...row.map(bound));
    });
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    const database = this.#opened();
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = database.prepare(sql)));
    return statement;
  }

  #opened(): DatabaseSync {
    if (this.#database.isOpen) return this.#database;
    throw new OpenWitError('closed', 'CLOSED', 'the catalog is closed');
  }

  #guard<T>(use: () => T): T {
    try {
      return use();
    } catch (error) {
      if (isOpenWitError(error)) throw error;
      const code = (error as { errcode?: number }).errcode ?? 0;
      if (CORRUPT.has(code & 0xff)) {
        throw new OpenWitError('data', 'STORE_CORRUPTION', `the catalog is damaged, path=\`${this.#path}\``, {
          cause: error,
        });
      }
      const options = { cause: error, retryAfterMs: RETRY_AFTER_MS };
      const message = `the catalog cannot be used, path=\`${this.#path}\``;
      throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', message, options);
    }
  }
}

function bound(value: SqlValue): SQLInputValue {
  return typeof value === 'boolean' ? Number(value) : value;
}

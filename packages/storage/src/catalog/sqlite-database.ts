import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { isOpenWitError, OpenWitError } from '@openwit/ports';

export type Row = Record<string, SQLOutputValue>;

const RETRY_AFTER_MS = 1000;
/** SQLite's primary result codes that mean the file is not what it was: SQLITE_CORRUPT, SQLITE_NOTADB. */
const CORRUPT = new Set([11, 26]);

/**
 * A SQLite file whose commits survive a power cut, which other processes may read meanwhile. Every failure is
 * `data` / STORE_CORRUPTION when the file is damaged, else `unavailable` / STORE_UNAVAILABLE.
 */
export class SqliteDatabase {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#path = path;
    this.#database = this.#guard(() => new DatabaseSync(path));
    try {
      this.exec('PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    } catch (error) {
      this.close();
      throw error;
    }
  }

  exec(sql: string): void {
    this.#guard(() => this.#database.exec(sql));
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.#guard(() => this.#prepare(sql).run(...values));
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#guard(() => this.#prepare(sql).get(...values));
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#guard(() => this.#prepare(sql).all(...values));
  }

  /** Like `all`, with every integer as a bigint: nanoseconds don't fit a number. */
  allExact(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#guard(() => {
      const statement = this.#prepare(sql);
      statement.setReadBigInts(true);
      return statement.all(...values);
    });
  }

  /** Runs it all or not at all; durable when it returns. */
  transaction<T>(body: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = body();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite itself has rolled back after some errors; then there is no transaction to end.
      if (this.#database.isTransaction) this.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
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
      throw new OpenWitError(
        'unavailable',
        'STORE_UNAVAILABLE',
        `the catalog cannot be used, path=\`${this.#path}\``,
        options,
      );
    }
  }
}

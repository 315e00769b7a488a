export type SqlValue = string | number | bigint | boolean | null;

export type Row = Readonly<Record<string, SqlValue>>;

/**
 * Statements, one after the other. Their SQL is what SQLite and Postgres both understand; values stand in it as `?`.
 * Integers come as numbers, and one that a number cannot hold fails: read it as text. A boolean may come as 0 or 1.
 */
export interface SqlSession {
  /** Several statements without values. */
  exec(script: string): Promise<void>;
  /** @returns how many rows were changed */
  run(sql: string, ...values: readonly SqlValue[]): Promise<number>;
  get(sql: string, ...values: readonly SqlValue[]): Promise<Row | undefined>;
  all(sql: string, ...values: readonly SqlValue[]): Promise<Row[]>;
  insert(table: string, columns: readonly string[], rows: readonly (readonly SqlValue[])[]): Promise<void>;
}

/**
 * A database that a catalog is kept in. Every failure is `data` / STORE_CORRUPTION when the database is damaged, `closed` /
 * CLOSED after `close`, else `unavailable` / STORE_UNAVAILABLE.
 */
export interface SqlDatabase extends SqlSession {
  readonly dialect: SqlDialect;
  /**
   * Runs it all or not at all; durable when it resolves. It sees every transaction before it and none beside it, of this
   * handle or another. When it rejects for a lost connection, it may have taken effect all the same.
   */
  transaction<T>(body: (sql: SqlSession) => Promise<T>): Promise<T>;
  /**
   * Overwrites what the database's files have of older states.
   * @returns false when another reads such a state, so that some of it is left
   */
  cutLog(): Promise<boolean>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

/** What is said differently. */
export interface SqlDialect {
  /** A statement that finds a row when the table of that name is there. */
  readonly tableExists: string;
  /** Definitions in DuckLake's types (BOOLEAN, UUID, TIMESTAMPTZ) and ours (TEXT, INTEGER: 64 bits) as this database has them. */
  definitions(script: string): string;
}

/** `(?, ?, ?)` */
export function placeholders(count: number): string {
  return `(${Array.from({ length: count }, () => '?').join(', ')})`;
}

/** A statement takes so many values in one list. */
const LIST_LENGTH = 512;

/**
 * The items in lists for `IN (…)`: each as long as a power of two, its last item repeated, so that there are few
 * statements to keep prepared.
 */
export function* lists<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += LIST_LENGTH) {
    const list = items.slice(i, i + LIST_LENGTH);
    const length = 2 ** Math.ceil(Math.log2(list.length));
    yield [...list, ...Array.from({ length: length - list.length }, () => list.at(-1)!)];
  }
}

export function isTrue(value: SqlValue | undefined): boolean {
  return value === true || value === 1;
}

import {
  type Clock,
  checkTenant,
  type DataFile,
  DEFAULT_TENANT,
  OpenWitError,
  type Snapshot,
  systemClock,
  type TableName,
  type TableSource,
  type TableUsage,
} from '@openwit/ports';
import type { Analysers, QueryRequest } from './engine/protocol.ts';
import { QueryWorker } from './engine/query-worker.ts';
import { cancelled, RunningQuery } from './engine/running-query.ts';
import { type QuerySettings, type ResolvedSettings, resolveSettings } from './engine/settings.ts';
import { mentionedTables, mentionsUsage, tableInputs } from './engine/table-inputs.ts';
import type { QueryResult } from './query-result.ts';
import { namedParameters } from './sql/parameters.ts';
import { queryError } from './sql/query-error.ts';
import { ROW_NUMBER } from './sql/table-sql.ts';

export interface QueryOptions {
  /** Whose tables are read. Default `default`. */
  readonly tenant?: string;
  /** Values of `$1` and `?` as an array, of `$name` as an object. */
  readonly params?: readonly unknown[] | Readonly<Record<string, unknown>>;
  /** Overrides of the engine's settings. */
  readonly timeoutMs?: number;
  readonly maxRows?: number;
  /** Cancels the query, before and after it resolved. */
  readonly signal?: AbortSignal;
}

/** Records of one file that are looked for. */
export interface RowMatch extends Pick<QueryOptions, 'params' | 'signal' | 'tenant'> {
  readonly snapshot: Snapshot;
  readonly table: TableName;
  readonly file: DataFile;
  /** `attributes['user.id'] = $1` */
  readonly where: string;
  /** What `now()` is in it, in milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

export interface QueryEngineParts {
  readonly source: TableSource;
  readonly clock?: Clock;
  /** What tenants have in files: of the query's tenant it is `openwit.usage`. Default: nothing. */
  readonly usage?: () => readonly TableUsage[];
  /** The URL of the module whose `textSearcher` gives `match` its meaning. Default: there is no `match`. */
  readonly searchModule?: string;
  /** The URL of the module whose `rowReader` reads few rows of files. Default: DuckDB reads them. */
  readonly rowModule?: string;
  /** How the text of a table's columns becomes words in a search, where it is not by `log`. */
  readonly analysersOf?: (tenant: string, table: TableName) => Analysers;
}

/**
 * SQL over a node's tables, on DuckDB in a thread of its own, which starts with the first query.
 *
 * A query sees one snapshot: all that was acknowledged before the call and nothing after. It can read the three tables of
 * its tenant and nothing else, and it can change nothing.
 */
export class QueryEngine implements AsyncDisposable {
  readonly #source: TableSource;
  readonly #usage: () => readonly TableUsage[];
  readonly #analysersOf: NonNullable<QueryEngineParts['analysersOf']>;
  readonly #clock: Clock;
  readonly #settings: ResolvedSettings;
  readonly #running = new Set<RunningQuery>();
  readonly #waiting: RunningQuery[] = [];
  #worker: QueryWorker | undefined;
  #nextId = 1;
  #closing: Promise<void> | undefined;
  #allReleased: () => void = () => {};

  constructor(parts: QueryEngineParts, settings: QuerySettings = {}) {
    const { source, clock = systemClock, usage = () => [], searchModule, rowModule, analysersOf = () => ({}) } = parts;
    this.#source = source;
    this.#usage = usage;
    this.#analysersOf = analysersOf;
    this.#clock = clock;
    this.#settings = resolveSettings(settings, {
      ...(searchModule !== undefined && { searchModule }),
      ...(rowModule !== undefined && { rowModule }),
    });
  }

  /**
   * Runs a SELECT. Resolves when its columns are known; rows come as they are read.
   * @throws QUERY_INVALID and QUERY_FORBIDDEN (with `details.position` where it is known), QUERY_TIMEOUT, QUERY_CANCELLED,
   * QUERY_LIMIT, OVERLOADED, CLOSED, INVALID_TENANT
   */
  async query(sql: string, options: QueryOptions = {}): Promise<QueryResult> {
    const { signal, timeoutMs = this.#settings.timeoutMs } = options;
    const tenant = checkTenant(options.tenant ?? DEFAULT_TENANT);
    const parameters = namedParameters(options.params);
    this.#admit(sql, signal);
    // Nothing may wait before this: what was acknowledged before the call must be in the snapshot.
    const names = mentionedTables(sql);
    const snapshot = this.#source.snapshot(tenant, names);
    const { maxRows = this.#settings.maxRows } = options;
    const usage = mentionsUsage(sql) ? this.#usage().filter((entry) => entry.tenant === tenant) : [];
    const analysers = Object.fromEntries(names.map((table) => [table, this.#analysersOf(tenant, table)]));
    const tables = tableInputs(snapshot);
    const asked = { tenant, sql, parameters, tables, maxRows, usage, analysers, nowMs: this.#clock.now() };
    return this.#start(asked, snapshot, timeoutMs, signal);
  }

  /**
   * The numbers of the rows of one file that a condition holds for. The condition is SQL as it stands behind WHERE, without
   * subqueries. The snapshot has the file, and stays the caller's. It takes as long as it takes, and waits behind however many
   * queries there are.
   * @throws as {@link query}
   */
  async matchRows({
    tenant = DEFAULT_TENANT,
    snapshot,
    table,
    file,
    where,
    params,
    signal,
    nowMs,
  }: RowMatch): Promise<number[]> {
    const sql = `SELECT ${ROW_NUMBER} FROM ${table} WHERE (${where}\n)`;
    const parameters = namedParameters(params);
    this.#check(sql, signal);
    const { attributeColumns } = snapshot.tables.get(table)!;
    const tables = { [table]: { batches: [], files: [file], attributeColumns } };
    const borrowed = { ...snapshot, release: () => {} };
    // No tenant's name is empty: the files that the worker knows of the tenant's tables stay as they are.
    const analysers = { [table]: this.#analysersOf(tenant, table) };
    const asked = { tenant: '', sql, parameters, tables, maxRows: file.rows, rowNumbers: true, analysers, nowMs };
    const result = await this.#start(asked, borrowed, Number.POSITIVE_INFINITY, signal);
    const numbers: number[] = [];
    for await (const batch of result) {
      const column = batch.getChildAt(0)!;
      for (let i = 0; i < batch.numRows; i++) numbers.push(Number(column.get(i)));
    }
    return numbers;
  }

  /** Cancels what runs and ends the thread. Closing twice waits for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #start(
    asked: Omit<QueryRequest, 'id' | 'maxResultBytes'>,
    snapshot: Snapshot,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<QueryResult> {
    const { maxResultBytes } = this.#settings;
    const request: QueryRequest = { ...asked, id: this.#nextId++, maxResultBytes };
    const released = () => this.#released(query);
    const query = new RunningQuery({ request, snapshot, clock: this.#clock, timeoutMs, signal, released });
    this.#waiting.push(query);
    this.#startWaiting();
    return query.result;
  }

  #check(sql: string, signal: AbortSignal | undefined): void {
    const { maxSqlBytes } = this.#settings;
    if (this.#closing !== undefined) throw closed();
    if (signal?.aborted) throw cancelled(signal.reason);
    if (Buffer.byteLength(sql) > maxSqlBytes) {
      throw queryError('QUERY_LIMIT', `the query is too long, limit=${maxSqlBytes} bytes`);
    }
  }

  #admit(sql: string, signal: AbortSignal | undefined): void {
    this.#check(sql, signal);
    const { maxWaitingQueries } = this.#settings;
    if (this.#waiting.length >= maxWaitingQueries) {
      const message = `too many queries wait for their turn, limit=${maxWaitingQueries}`;
      throw new OpenWitError('overloaded', 'OVERLOADED', message, { retryAfterMs: 1000 });
    }
  }

  #startWaiting(): void {
    while (this.#running.size < this.#settings.maxConcurrentQueries) {
      const query = this.#waiting.shift();
      if (query === undefined) return;
      if (this.#worker === undefined || this.#worker.isDead) this.#worker = new QueryWorker(this.#settings);
      this.#running.add(query);
      query.start(this.#worker);
    }
  }

  #released(query: RunningQuery): void {
    this.#running.delete(query);
    const waiting = this.#waiting.indexOf(query);
    if (waiting >= 0) this.#waiting.splice(waiting, 1);
    this.#startWaiting();
    if (this.#running.size === 0) this.#allReleased();
  }

  async #close(): Promise<void> {
    for (const query of [...this.#waiting, ...this.#running]) query.stop(closed());
    if (this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        this.#allReleased = resolve;
      });
    }
    await this.#worker?.close();
  }
}

function closed(): OpenWitError {
  return new OpenWitError('closed', 'CLOSED', 'the query engine is closed');
}

import { type Clock, checkTenant, DEFAULT_TENANT, OpenWitError, systemClock, type TableSource } from '@openwit/ports';
import type { QueryRequest } from './engine/protocol.ts';
import { QueryWorker } from './engine/query-worker.ts';
import { cancelled, RunningQuery } from './engine/running-query.ts';
import { type QuerySettings, type ResolvedSettings, resolveSettings } from './engine/settings.ts';
import { mentionedTables, tableInputs } from './engine/table-inputs.ts';
import type { QueryResult } from './query-result.ts';
import { namedParameters } from './sql/parameters.ts';
import { queryError } from './sql/query-error.ts';

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

export interface QueryEngineParts {
  readonly source: TableSource;
  readonly clock?: Clock;
}

/**
 * SQL over a node's tables, on DuckDB in a thread of its own, which starts with the first query.
 *
 * A query sees one snapshot: all that was acknowledged before the call and nothing after. It can read the three tables of
 * its tenant and nothing else, and it can change nothing.
 */
export class QueryEngine implements AsyncDisposable {
  readonly #source: TableSource;
  readonly #clock: Clock;
  readonly #settings: ResolvedSettings;
  readonly #running = new Set<RunningQuery>();
  readonly #waiting: RunningQuery[] = [];
  #worker: QueryWorker | undefined;
  #nextId = 1;
  #closing: Promise<void> | undefined;
  #allReleased: () => void = () => {};

  constructor({ source, clock = systemClock }: QueryEngineParts, settings: QuerySettings = {}) {
    this.#source = source;
    this.#clock = clock;
    this.#settings = resolveSettings(settings);
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
    const snapshot = this.#source.snapshot(tenant, mentionedTables(sql));
    const request: QueryRequest = {
      id: this.#nextId++,
      tenant,
      sql,
      parameters,
      tables: tableInputs(snapshot),
      nowMs: this.#clock.now(),
      maxRows: options.maxRows ?? this.#settings.maxRows,
      maxResultBytes: this.#settings.maxResultBytes,
    };
    const released = () => this.#released(query);
    const query = new RunningQuery({ request, snapshot, clock: this.#clock, timeoutMs, signal, released });
    this.#waiting.push(query);
    this.#startWaiting();
    return query.result;
  }

  /** Cancels what runs and ends the thread. Closing twice waits for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #admit(sql: string, signal: AbortSignal | undefined): void {
    const { maxSqlBytes, maxWaitingQueries } = this.#settings;
    if (this.#closing !== undefined) throw closed();
    if (signal?.aborted) throw cancelled(signal.reason);
    if (Buffer.byteLength(sql) > maxSqlBytes) {
      throw queryError('QUERY_LIMIT', `the query is too long, limit=${maxSqlBytes} bytes`);
    }
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

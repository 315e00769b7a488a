import type { DuckDBPreparedStatement, DuckDBResult } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { errorToMessage, type ScheduledCall, systemClock } from '@openwit/ports';
import { byteSize, type ColumnBuffers } from '../results/column-buffers.ts';
import { resultTypeOf } from '../results/result-type.ts';
import { Rows } from '../results/rows.ts';
import { vectorReader } from '../results/vector-reader.ts';
import { bindParameters } from '../sql/parameters.ts';
import { parse } from '../sql/parse.ts';
import { planQuery, type QueryPlan } from '../sql/plan.ts';
import { queryError } from '../sql/query-error.ts';
import type { Session } from '../sql/session.ts';
import type { Database } from './database.ts';
import { isFatal, prepareError, runtimeError } from './duckdb-errors.ts';
import { BATCHES_IN_FLIGHT, type FromWorker, type QueryRequest, type WorkerStats } from './protocol.ts';

/** A batch is sent when it has so many rows or bytes. */
const BATCH_ROWS = 32 * 1024;
const BATCH_BYTES = 4 * 1024 * 1024;
/** DuckDB forgets an interruption that comes before it has begun, so it is told again until it stops. */
const INTERRUPT_AGAIN_MS = 20;

export type Send = (message: FromWorker, columns?: readonly ColumnBuffers[]) => void;

/** One query in the worker, from its text to its last batch. */
export class QueryRun {
  readonly #database: Database;
  readonly #request: QueryRequest;
  readonly #send: Send;
  readonly #session: Session;
  readonly #scans = new Set<string>();
  #names: QueryPlan['names'] = new Map();
  #credits = BATCHES_IN_FLIGHT;
  #wake: (() => void) | undefined;
  #cancelled = false;
  #interrupting: ScheduledCall | undefined;

  constructor(database: Database, request: QueryRequest, send: Send) {
    this.#database = database;
    this.#request = request;
    this.#send = send;
    this.#session = database.takeSession();
  }

  /**
   * Sends the result or the error; DuckDB then holds nothing of the query any more.
   * @throws only when DuckDB itself is beyond repair, which ends the worker
   */
  async run(): Promise<void> {
    const { id } = this.#request;
    let failure: unknown;
    try {
      const { statement, stats } = await this.#prepare();
      try {
        await this.#stream(await statement.stream(), stats);
      } finally {
        statement.destroySync();
      }
    } catch (error) {
      failure = error ?? new Error('unknown failure');
    }
    await this.#release(failure !== undefined);
    this.#send(
      failure === undefined
        ? { kind: 'end', id }
        : { kind: 'error', id, error: errorToMessage(runtimeError(failure, this.#names)) },
    );
    if (isFatal(failure)) throw failure;
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#interrupt();
    this.#wake?.();
  }

  /** The reader took a batch. */
  next(): void {
    this.#credits++;
    this.#wake?.();
  }

  /** Keys are read as columns first; a query that DuckDB does not take like that gets whole maps. */
  async #prepare(): Promise<{ statement: DuckDBPreparedStatement; stats: WorkerStats }> {
    let plan = await this.#plan(true);
    let statement: DuckDBPreparedStatement;
    try {
      statement = await this.#session.connection.prepare(plan.sql);
    } catch {
      plan = await this.#plan(false);
      try {
        statement = await this.#session.connection.prepare(plan.sql);
      } catch (error) {
        throw await prepareError(this.#session.connection, this.#request.sql, error);
      }
    }
    this.#checkCancelled();
    bindParameters(statement, this.#request.parameters);
    return { statement, stats: statsOf(plan) };
  }

  async #plan(attributeColumns: boolean): Promise<QueryPlan> {
    const { sql, tables, nowMs, parameters } = this.#request;
    const { functions, memory } = this.#database;
    this.#checkCancelled();
    const tree = await parse(this.#session, sql);
    const plan = await planQuery(this.#session, {
      sql,
      tree,
      tables,
      nowMs,
      parameters,
      functions,
      attributeColumns,
    });
    for (const [name, scan] of plan.scans) {
      memory.plans.set(name, scan);
      this.#scans.add(name);
    }
    this.#names = plan.names;
    this.#checkCancelled();
    return plan;
  }

  async #stream(result: DuckDBResult, stats: WorkerStats): Promise<void> {
    const { id, maxRows, maxResultBytes } = this.#request;
    const duckDbTypes = result.columnTypes();
    const types = duckDbTypes.map(resultTypeOf);
    const columns = result.columnNames().map((name, i) => ({ name, type: String(duckDbTypes[i]) }));
    this.#send({ kind: 'schema', id, columns, types, stats });
    const readers = types.map((type, i) => vectorReader(type, duckDbTypes[i]!, this.#database.stringsByLayout));
    let rows = 0;
    let waiting = 0;
    let bytes = 0;
    for (;;) {
      const chunk = await result.fetchChunk();
      this.#checkCancelled();
      const count = chunk?.rowCount ?? 0;
      rows += count;
      waiting += count;
      if (rows > maxRows) throw queryError('QUERY_LIMIT', `the result has too many rows, limit=${maxRows}`);
      readers.forEach((reader, i) => {
        if (count > 0) reader.append(duckdb.data_chunk_get_vector(chunk!.chunk, i), new Rows(0, count));
      });
      const isFull = waiting >= BATCH_ROWS || readers.reduce((sum, reader) => sum + reader.bytes, 0) >= BATCH_BYTES;
      if (waiting > 0 && (isFull || count === 0)) {
        const batch = readers.map((reader) => reader.take());
        bytes += byteSize(batch);
        if (bytes > maxResultBytes)
          throw queryError('QUERY_LIMIT', `the result is too large, limit=${maxResultBytes} bytes`);
        await this.#credit();
        this.#send({ kind: 'batch', id, rows: waiting, columns: batch }, batch);
        waiting = 0;
      }
      if (count === 0) return;
    }
  }

  /** Waits until the reader has room for a batch. */
  async #credit(): Promise<void> {
    while (this.#credits === 0 && !this.#cancelled) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#checkCancelled();
    this.#credits--;
  }

  async #release(failed: boolean): Promise<void> {
    this.#interrupting?.cancel();
    // A result that was not read to its end is closed by the connection's next statement.
    if (failed) await this.#session.connection.run('SELECT 1');
    for (const name of this.#scans) this.#database.memory.plans.delete(name);
    this.#database.giveBack(this.#session);
  }

  #interrupt(): void {
    this.#session.connection.interrupt();
    this.#interrupting = systemClock.schedule(INTERRUPT_AGAIN_MS, () => this.#interrupt());
  }

  #checkCancelled(): void {
    if (this.#cancelled) throw queryError('QUERY_CANCELLED', 'the query was cancelled');
  }
}

function statsOf({ scans, files }: QueryPlan): WorkerStats {
  const memoryRows = [...scans.values()].flatMap((scan) => scan.batches).reduce((rows, batch) => rows + batch.rows, 0);
  return { filesRead: files.read, filesSkipped: files.skipped, memoryRows };
}

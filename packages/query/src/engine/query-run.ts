import {
  type DuckDBDataChunk,
  DuckDBMaterializedResult,
  type DuckDBPreparedStatement,
  type DuckDBResult,
} from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import {
  type DataFile,
  errorToMessage,
  type LocalIndex,
  type OpenWitError,
  type ScheduledCall,
  systemClock,
  type TableName,
} from '@openwit/ports';
import { byteSize, type ColumnBuffers } from '../results/column-buffers.ts';
import { resultTypeOf } from '../results/result-type.ts';
import { Rows } from '../results/rows.ts';
import { vectorReader } from '../results/vector-reader.ts';
import { explainedQuery, explainSql } from '../sql/explain.ts';
import type { AnalyserOf } from '../sql/match-calls.ts';
import { bindParameters } from '../sql/parameters.ts';
import { parse } from '../sql/parse.ts';
import { planQuery, type QueryPlan } from '../sql/plan.ts';
import { queryError } from '../sql/query-error.ts';
import type { RemoteRead } from '../sql/remote-reads.ts';
import type { Session } from '../sql/session.ts';
import type { Database } from './database.ts';
import { isFatal, prepareError, runtimeError } from './duckdb-errors.ts';
import { endTransaction } from './end-transaction.ts';
import { IndexSearch } from './index-search.ts';
import {
  BATCHES_IN_FLIGHT,
  type FromWorker,
  type QueryRequest,
  type RemoteIndexRead,
  type WorkerStats,
} from './protocol.ts';

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
  readonly #tests = new Set<string>();
  readonly #indexes: IndexSearch | undefined;
  readonly #cancelling = new AbortController();
  #names: QueryPlan['names'] = new Map();
  #credits = BATCHES_IN_FLIGHT;
  #paths: ReadonlyMap<number, string> | undefined;
  #localIndexes: ReadonlyMap<number, LocalIndex> | undefined;
  #wake: (() => void) | undefined;
  #cancelled = false;
  #hasEnded = false;
  #interrupting: ScheduledCall | undefined;

  constructor(database: Database, request: QueryRequest, send: Send) {
    this.#database = database;
    this.#request = request;
    this.#send = send;
    this.#session = database.takeSession();
    const { indexes, selections, rows, rowReader } = database;
    const { signal } = this.#cancelling;
    const fetch = (reads: readonly RemoteIndexRead[]) => this.#localiseIndexes(reads);
    const onDamaged = (table: TableName, { fileId }: DataFile) =>
      send({ kind: 'damaged', id: request.id, table, fileId });
    // A deletion reads every row: what an index has not is not to be left.
    const isAsked = indexes !== undefined && request.rowNumbers !== true;
    this.#indexes = isAsked
      ? new IndexSearch({ indexes, selections, rows, rowReader, signal, fetch, onDamaged })
      : undefined;
  }

  /**
   * Sends the result or the error; DuckDB then holds nothing of the query any more.
   * @throws only when DuckDB itself is beyond repair, which ends the worker
   */
  async run(): Promise<void> {
    const { id } = this.#request;
    let failure: unknown;
    try {
      const plan = await this.#plan(true);
      const whole = await this.#whole(plan);
      if (whole !== undefined) await this.#deliver(whole, plan);
      else await this.#stream(plan);
    } catch (error) {
      failure = error ?? new Error('unknown failure');
    }
    await this.#release();
    this.#send(
      failure === undefined
        ? { kind: 'end', id }
        : { kind: 'error', id, error: errorToMessage(runtimeError(failure, this.#names)) },
    );
    if (isFatal(failure)) throw failure;
  }

  /** A query that has ended is not interrupted any more: it would be the next one of its connection. */
  cancel(): void {
    if (this.#cancelled || this.#hasEnded) return;
    this.#cancelled = true;
    this.#cancelling.abort(cancelledError());
    this.#interrupt();
    this.#wake?.();
  }

  /** The reader took a batch. */
  next(): void {
    this.#credits++;
    this.#wake?.();
  }

  /** What the plan reads of remote files is there. */
  localised(paths: ReadonlyMap<number, string>): void {
    this.#paths = paths;
    this.#wake?.();
  }

  /**
   * A small result at once, as one call of DuckDB where there are no parameters: each call takes longer than what it does.
   * @returns undefined when it is not small, or fails: then the long way tells why
   */
  async #whole(plan: QueryPlan): Promise<DuckDBMaterializedResult | undefined> {
    if (!plan.isSmall || plan.remote.length > 0) return undefined;
    const { connection } = this.#session;
    const { parameters } = this.#request;
    this.#noteFiles(plan);
    try {
      if (Object.keys(parameters).length === 0) return await connection.run(plan.sql);
      const statement = await connection.prepare(plan.sql);
      try {
        bindParameters(statement, parameters, plan.parameters);
        return await statement.run();
      } finally {
        statement.destroySync();
      }
    } catch (error) {
      if (isFatal(error)) throw error;
      this.#checkCancelled();
      return undefined;
    }
  }

  /** Why DuckDB does not know what a query means that is not run. */
  async #bindError({ sql }: QueryPlan): Promise<unknown> {
    try {
      (await this.#session.connection.prepare(sql)).destroySync();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  async #stream(first: QueryPlan): Promise<void> {
    const { statement, plan } = await this.#prepare(first);
    try {
      // A failure in the middle of a result shows in nothing but the transaction: see #checkWhole.
      await this.#session.begin();
      await this.#deliver(await statement.stream(), plan);
    } finally {
      statement.destroySync();
    }
  }

  /** DuckDB keeps the footers of files that it reads. */
  #noteFiles({ files: { read } }: QueryPlan): void {
    const pathOf = (file: DataFile) => this.#paths?.get(file.fileId) ?? file.path;
    this.#database.footers.read(read.map((file) => ({ path: pathOf(file), sizeBytes: file.sizeBytes })));
  }

  /** What was asked for of indexes is there. */
  localisedIndexes(indexes: ReadonlyMap<number, LocalIndex>): void {
    this.#localIndexes = indexes;
    this.#wake?.();
  }

  /** Keys are read as columns first; a query that DuckDB does not take like that gets whole maps. */
  async #prepare(first: QueryPlan): Promise<{ statement: DuckDBPreparedStatement; plan: QueryPlan }> {
    let plan = first;
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
    if (plan.remote.length > 0) {
      statement.destroySync();
      plan = plan.withPaths(await this.#localise(plan.remote));
      statement = await this.#session.connection.prepare(plan.sql);
      this.#checkCancelled();
    }
    this.#noteFiles(plan);
    bindParameters(statement, this.#request.parameters, plan.parameters);
    return { statement, plan };
  }

  async #plan(attributeColumns: boolean): Promise<QueryPlan> {
    const { sql: asked, tables, nowMs, parameters, rowNumbers = false, usage = [], analysers = {} } = this.#request;
    const { functions, memory, match, searcher } = this.#database;
    this.#checkCancelled();
    const explained = explainedQuery(asked);
    const sql = explained ?? asked;
    const tree = await parse(this.#session, sql);
    const analyserOf: AnalyserOf = (table, column) => analysers[table]?.[column] ?? 'log';
    const known = {
      sql,
      tree,
      tables,
      nowMs,
      parameters,
      functions,
      usage,
      searcher,
      indexes: this.#indexes,
      analyserOf,
    };
    const plan = await planQuery(this.#session, { ...known, attributeColumns, rowNumbers });
    for (const [name, scan] of plan.scans) {
      memory.plans.set(name, scan);
      this.#scans.add(name);
    }
    for (const [name, test] of plan.tests) {
      match.tests.set(name, test);
      this.#tests.add(name);
    }
    this.#names = plan.names;
    this.#checkCancelled();
    if (explained === undefined) return plan;
    const error = await this.#bindError(plan);
    if (error === undefined) return explanationOf(plan);
    if (attributeColumns) return this.#plan(false);
    throw await prepareError(this.#session.connection, sql, error);
  }

  async #deliver(result: DuckDBResult, plan: QueryPlan): Promise<void> {
    const { id, maxRows, maxResultBytes } = this.#request;
    const duckDbTypes = result.columnTypes();
    const types = duckDbTypes.map(resultTypeOf);
    const columns = result.columnNames().map((name, i) => ({ name, type: String(duckDbTypes[i]) }));
    this.#send({ kind: 'schema', id, columns, types, stats: statsOf(plan) });
    const readers = types.map((type, i) => vectorReader(type, duckDbTypes[i]!, this.#database.stringsByLayout));
    let rows = 0;
    let waiting = 0;
    let bytes = 0;
    // What is here already cannot fail any more.
    const whole = result instanceof DuckDBMaterializedResult ? result : undefined;
    for (let i = 0; ; i++) {
      const chunk = whole === undefined ? await result.fetchChunk() : chunkOf(whole, i);
      this.#checkCancelled();
      const count = chunk?.rowCount ?? 0;
      if (count === 0 && whole === undefined) await this.#checkWhole(plan);
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

  /**
   * A stream that failed ends like one that is whole. But its transaction is aborted, which any statement tells; the reason
   * is had by running the query once more.
   */
  async #checkWhole({ sql, parameters }: QueryPlan): Promise<void> {
    const { connection } = this.#session;
    try {
      await this.#session.checkTransaction();
    } catch (aborted) {
      this.#checkCancelled();
      await this.#session.rollback();
      const again = await connection.prepare(`EXPLAIN ANALYZE ${sql}`);
      try {
        bindParameters(again, this.#request.parameters, parameters);
        await again.run();
      } finally {
        again.destroySync();
        this.#checkCancelled();
      }
      throw aborted;
    }
  }

  /** Waits until the reader has room for a batch. */
  async #credit(): Promise<void> {
    await this.#until(() => this.#credits > 0);
    this.#credits--;
  }

  async #localise(reads: readonly RemoteRead[]): Promise<ReadonlyMap<number, string>> {
    this.#send({ kind: 'localise', id: this.#request.id, reads });
    await this.#until(() => this.#paths !== undefined);
    return this.#paths!;
  }

  /** One call at a time. */
  async #localiseIndexes(reads: readonly RemoteIndexRead[]): Promise<ReadonlyMap<number, LocalIndex>> {
    this.#localIndexes = undefined;
    this.#send({ kind: 'localiseIndexes', id: this.#request.id, reads });
    await this.#until(() => this.#localIndexes !== undefined);
    return this.#localIndexes!;
  }

  /** Waits for the other thread. @throws QUERY_CANCELLED */
  async #until(hasCome: () => boolean): Promise<void> {
    while (!hasCome() && !this.#cancelled) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#checkCancelled();
  }

  async #release(): Promise<void> {
    this.#hasEnded = true;
    this.#interrupting?.cancel();
    await endTransaction(this.#session);
    for (const name of this.#scans) this.#database.memory.plans.delete(name);
    for (const name of this.#tests) this.#database.match.tests.delete(name);
    this.#indexes?.release();
    this.#database.giveBack(this.#session);
  }

  #interrupt(): void {
    this.#session.connection.interrupt();
    this.#interrupting = systemClock.schedule(INTERRUPT_AGAIN_MS, () => this.#interrupt());
  }

  #checkCancelled(): void {
    if (this.#cancelled) throw cancelledError();
  }
}

function cancelledError(): OpenWitError {
  return queryError('QUERY_CANCELLED', 'the query was cancelled');
}

function chunkOf(result: DuckDBMaterializedResult, i: number): DuckDBDataChunk | undefined {
  return i < result.chunkCount ? result.getChunk(i) : undefined;
}

/** Reads nothing but the plan. */
function explanationOf(plan: QueryPlan): QueryPlan {
  const nothing = { read: [], skipped: plan.files.read.length + plan.files.skipped };
  return { ...plan, sql: explainSql(plan.steps), remote: [], isSmall: true, files: nothing, scans: new Map() };
}

function statsOf({ scans, files }: QueryPlan): WorkerStats {
  const memoryRows = [...scans.values()].flatMap((scan) => scan.batches).reduce((rows, batch) => rows + batch.rows, 0);
  return { filesRead: files.read.length, filesSkipped: files.skipped, memoryRows };
}

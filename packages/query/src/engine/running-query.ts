import {
  type Clock,
  errorFromMessage,
  errorToMessage,
  isOpenWitError,
  type LocalIndex,
  OpenWitError,
  type ScheduledCall,
  type Snapshot,
  type TableName,
} from '@openwit/ports';
import { QueryResult, type ResultFeed } from '../query-result.ts';
import { queryError } from '../sql/query-error.ts';
import { fileReads, indexReads, type RemoteRead } from '../sql/remote-reads.ts';
import type { FromWorker, QueryRequest, RemoteIndexRead, ToWorker } from './protocol.ts';
import type { Listener, QueryWorker } from './query-worker.ts';

export interface RunningQueryParts {
  readonly request: QueryRequest;
  readonly snapshot: Snapshot;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Called once, when the worker has done with the query, or never began it. */
  readonly released: () => void;
}

/**
 * A query on its way, outside the worker. Its caller hears of an end at once; its snapshot is released when the worker no
 * longer reads from it.
 */
export class RunningQuery {
  readonly result: Promise<QueryResult>;
  readonly #parts: RunningQueryParts;
  readonly #began: number;
  readonly #timer: ScheduledCall;
  readonly #abort = () => this.stop(cancelled(this.#parts.signal?.reason));
  #worker: QueryWorker | undefined;
  #feed: ResultFeed | undefined;
  #fetching: AbortController | undefined;
  #resolve!: (result: QueryResult) => void;
  #reject!: (error: OpenWitError) => void;
  #isStopped = false;
  #isReleased = false;

  constructor(parts: RunningQueryParts) {
    const { clock, timeoutMs, signal } = parts;
    this.#parts = parts;
    this.#began = clock.monotonic();
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = clock.schedule(timeoutMs, () => {
      this.stop(queryError('QUERY_TIMEOUT', `the query took too long, limit=${timeoutMs} ms`));
    });
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  start(worker: QueryWorker): void {
    this.#worker = worker;
    const { request } = this.#parts;
    worker.start(request, (message) => this.#receive(message));
  }

  /** Ends the query with this error, wherever it stands. */
  stop(error: OpenWitError): void {
    this.#isStopped = true;
    this.#fail(error);
    this.#fetching?.abort(error);
    if (this.#worker === undefined) this.#release();
    else this.#worker.send({ kind: 'cancel', id: this.#parts.request.id });
  }

  #receive(message: Parameters<Listener>[0]): void {
    switch (message.kind) {
      case 'localise':
        void this.#localise(message.reads);
        return;
      case 'localiseIndexes':
        void this.#localiseIndexes(message.reads);
        return;
      case 'damaged':
        this.#reportDamage(message.table, message.fileId);
        return;
      case 'schema':
        this.#deliver(message);
        return;
      case 'batch':
        this.#feed?.batch(message);
        return;
      case 'end':
        this.#feed?.end();
        this.#release();
        return;
      case 'error':
        this.#fail(errorFromMessage(message.error));
        this.#release();
        return;
    }
  }

  #localise(reads: readonly RemoteRead[]): Promise<void> {
    const { request, snapshot } = this.#parts;
    return this.#fetch(async (signal) => {
      if (snapshot.localise === undefined) throw notLocal();
      const paths = await snapshot.localise(fileReads(snapshot, reads), signal);
      return { kind: 'localised', id: request.id, paths };
    });
  }

  #localiseIndexes(reads: readonly RemoteIndexRead[]): Promise<void> {
    const { request, snapshot } = this.#parts;
    return this.#fetch(async (signal) => {
      if (snapshot.localiseIndexes === undefined) throw notLocal();
      const load = (some: readonly RemoteIndexRead[]) =>
        snapshot.localiseIndexes!(indexReads(snapshot, some), signal).catch((error: unknown) => {
          if (!isOpenWitError(error) || error.kind !== 'data') throw error;
          return undefined;
        });
      let indexes = await load(reads);
      if (indexes === undefined) {
        // One of them is lost: its file is read without.
        const found = new Map<number, LocalIndex>();
        for (const read of reads) {
          const one = await load([read]);
          if (one === undefined) this.#reportDamage(read.table, read.fileId);
          else found.set(read.fileId, one.get(read.fileId)!);
        }
        indexes = found;
      }
      return { kind: 'localisedIndexes', id: request.id, indexes };
    });
  }

  /** The query's timeout and cancel hold meanwhile: they end it here, and its wait in the worker. */
  async #fetch(fetched: (signal: AbortSignal) => Promise<ToWorker>): Promise<void> {
    if (this.#isStopped) return;
    this.#fetching = new AbortController();
    try {
      this.#worker?.send(await fetched(this.#fetching.signal));
    } catch (error) {
      this.stop(errorFromMessage(errorToMessage(error)));
    }
  }

  #reportDamage(table: TableName, fileId: number): void {
    const { snapshot } = this.#parts;
    const file = snapshot.tables.get(table)!.files.find((one) => one.fileId === fileId);
    if (file !== undefined) snapshot.indexIsDamaged?.(table, file);
  }

  #deliver(message: Extract<FromWorker, { kind: 'schema' }>): void {
    const { request, clock } = this.#parts;
    this.#feed = QueryResult.feed(message, {
      next: () => this.#worker?.send({ kind: 'next', id: request.id }),
      cancel: () => this.stop(cancelled(undefined)),
      elapsedMs: () => clock.monotonic() - this.#began,
    });
    this.#resolve(this.#feed.result);
  }

  /** Of several ends the first counts. */
  #fail(error: OpenWitError): void {
    if (this.#feed === undefined) this.#reject(error);
    else this.#feed.fail(error);
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#timer.cancel();
    this.#fetching?.abort(cancelled(undefined));
    this.#parts.signal?.removeEventListener('abort', this.#abort);
    this.#parts.snapshot.release();
    this.#parts.released();
  }
}

/** A reason that is one of our errors is the query's. */
export function cancelled(reason: unknown): OpenWitError {
  if (isOpenWitError(reason)) return reason;
  return queryError('QUERY_CANCELLED', 'the query was cancelled', { cause: reason });
}

function notLocal(): OpenWitError {
  const message = 'the query reads files in an object store, which this node has no cache for';
  return new OpenWitError('unavailable', 'STORE_UNAVAILABLE', message);
}

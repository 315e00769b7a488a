import type { Worker } from 'node:worker_threads';
import { errorFromMessage, errorToMessage, OpenWitError, startWorker } from '@openwit/ports';
import { SentFileLists } from './file-lists.ts';
import type { FromWorker, QueryRequest, ToWorker } from './protocol.ts';
import type { DatabaseSettings } from './settings.ts';

/** What one query hears of its worker. After `end` or `error` it hears nothing more. */
export type Listener = (message: Exclude<FromWorker, { kind: 'dying' }>) => void;

const RETRY_AFTER_MS = 1000;

/**
 * The worker thread from outside. When it dies, each of its queries hears an `internal` error; when it could not even
 * start, for lack of file descriptors or memory, `unavailable`: another one may.
 */
export class QueryWorker {
  readonly #worker: Worker;
  readonly #listeners = new Map<number, Listener>();
  readonly #fileLists = new SentFileLists();
  readonly #exited: Promise<void>;
  #failure: unknown;
  #isStarted = false;
  #isDead = false;

  constructor(settings: DatabaseSettings) {
    this.#worker = startWorker(import.meta.url, './worker', { name: 'openwit-query', workerData: settings });
    this.#worker.unref(); // an idle engine keeps no process alive
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('messageerror', (error) => this.#die(error));
    this.#worker.on('error', (error) => this.#die(error));
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#die(new Error(`the query thread ended, code=${code}`));
        resolve();
      });
    });
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  start(request: QueryRequest, listener: Listener): void {
    this.#listeners.set(request.id, listener);
    this.#worker.ref();
    const files = this.#fileLists.changesOf(request);
    const tables = Object.entries(request.tables).map(([name, table]) => [name, { ...table, files: [] }]);
    this.send({ kind: 'query', request: { ...request, tables: Object.fromEntries(tables) }, files });
  }

  send(message: ToWorker): void {
    if (!this.#isDead) this.#worker.postMessage(message);
  }

  /** Resolves when the thread has ended. There must be no query any more. */
  async close(): Promise<void> {
    this.send({ kind: 'close' });
    this.#worker.ref();
    await this.#exited;
  }

  #receive(message: FromWorker): void {
    this.#isStarted = true;
    if (message.kind === 'dying') {
      this.#die(errorFromMessage(message.error));
      // A process that ended now would cut DuckDB off in the middle of a call.
      this.#worker.ref();
      return;
    }
    const listener = this.#listeners.get(message.id);
    if (message.kind === 'end' || message.kind === 'error') this.#forget(message.id);
    listener?.(message);
  }

  #die(error: unknown): void {
    this.#isDead = true;
    this.#failure ??= error;
    const failure = deathOf(this.#failure, this.#isStarted);
    for (const [id, listener] of [...this.#listeners]) {
      this.#forget(id);
      listener({ kind: 'error', id, error: errorToMessage(failure) });
    }
  }

  #forget(id: number): void {
    this.#listeners.delete(id);
    if (this.#listeners.size === 0) this.#worker.unref();
  }
}

function deathOf(cause: unknown, isStarted: boolean): OpenWitError {
  // The thread's own heap is full only after it has started, perhaps with the first query.
  if (isStarted || (cause as { code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new OpenWitError('internal', 'INTERNAL', 'the query thread died', { cause });
  }
  const options = { cause, retryAfterMs: RETRY_AFTER_MS };
  return new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'the query thread could not start', options);
}

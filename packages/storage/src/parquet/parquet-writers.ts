import type { Worker } from 'node:worker_threads';
import { errorFromMessage, OpenWitError, startWorker } from '@openwit/ports';
import type { EncodedFile, EncodeRequest, ParquetCompression } from './encode-protocol.ts';
import type { WorkerRequest, WorkerResponse } from './worker.ts';

export interface ParquetWritersSettings {
  /** Worker threads; each holds one batch at a time, about five times its bytes. Default 1. */
  readonly threads?: number;
  /** Default `none`. */
  readonly compression?: ParquetCompression;
}

interface Job {
  readonly request: EncodeRequest;
  readonly done: PromiseWithResolvers<EncodedFile>;
}

/**
 * Turns batches into Parquet files in worker threads, which start with the first batch. A thread that crashes rejects
 * its batch with `internal` / INTERNAL and the cause; the next batch gets a new thread.
 */
export class ParquetWriters {
  readonly #threads: number;
  readonly #compression: ParquetCompression;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #waiting: Job[] = [];
  /** Memory for the files to come. */
  readonly #returned: SharedArrayBuffer[] = [];
  #closed = false;

  constructor({ threads = 1, compression = 'none' }: ParquetWritersSettings = {}) {
    this.#threads = threads;
    this.#compression = compression;
  }

  /** Buffers over `SharedArrayBuffer` are read in place, others are copied to the thread. @throws internal / INTERNAL; closed / CLOSED */
  encode(request: EncodeRequest): Promise<EncodedFile> {
    if (this.#closed) return Promise.reject(new OpenWitError('closed', 'CLOSED', 'the parquet writers are closed'));
    const job: Job = { request, done: Promise.withResolvers() };
    this.#waiting.push(job);
    this.#next();
    return job.done.promise;
  }

  /** The bytes of a file are not read any more: those of the next may take their place. */
  giveBack({ parts }: Pick<EncodedFile, 'parts'>): void {
    for (const buffer of new Set(parts.map((part) => part.buffer))) {
      if (buffer instanceof SharedArrayBuffer) this.#returned.push(buffer);
    }
  }

  /** Waits for the batches that were handed over, then ends the threads. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#busy.values(), ...this.#waiting].map(({ done }) => done.promise));
    await Promise.all(this.#idle.splice(0).map((worker) => worker.terminate()));
  }

  #next(): void {
    const job = this.#waiting[0];
    if (job === undefined || (this.#idle.length === 0 && this.#busy.size >= this.#threads)) return;
    this.#waiting.shift();
    const worker = this.#idle.pop() ?? this.#start();
    this.#busy.set(worker, job);
    worker.ref();
    const [returned, compression] = [this.#returned.splice(0), this.#compression];
    worker.postMessage({ request: job.request, compression, returned } satisfies WorkerRequest);
  }

  #start(): Worker {
    const worker = startWorker(import.meta.url, './worker', { name: 'openwit-parquet' });
    worker.on('message', (response: WorkerResponse) => {
      const job = this.#take(worker);
      worker.unref();
      if (response.isLast) void worker.terminate();
      else this.#idle.push(worker);
      if ('file' in response) job?.done.resolve(response.file);
      else job?.done.reject(errorFromMessage(response.error));
      this.#next();
    });
    let failure: unknown;
    worker.on('error', (error) => void (failure = error));
    worker.on('exit', () => {
      const idleAt = this.#idle.indexOf(worker);
      if (idleAt >= 0) this.#idle.splice(idleAt, 1);
      const error = new OpenWitError('internal', 'INTERNAL', 'a parquet writer thread ended', { cause: failure });
      this.#take(worker)?.done.reject(error);
      this.#next();
    });
    return worker;
  }

  #take(worker: Worker): Job | undefined {
    const job = this.#busy.get(worker);
    this.#busy.delete(worker);
    return job;
  }
}

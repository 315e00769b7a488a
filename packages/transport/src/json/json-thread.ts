import type { Worker } from 'node:worker_threads';
import { type ErrorMessage, errorFromMessage, OpenWitError, type Signal, startWorker } from '@openwit/ports';

export interface JsonRequest {
  readonly id: number;
  readonly signal: Signal;
  /** Must not change until the answer is there. */
  readonly body: Uint8Array<SharedArrayBuffer>;
  readonly maxBytes: number;
}

export type JsonReply =
  | { readonly id: number; readonly payload: Uint8Array<SharedArrayBuffer> }
  | { readonly id: number; readonly error: ErrorMessage };

interface Conversion {
  readonly request: JsonRequest;
  readonly done: PromiseWithResolvers<Uint8Array<SharedArrayBuffer>>;
}

/** After a body of this size the thread ends: until it collected its garbage, it would hold on to what it was given. */
const LARGE_BODY_BYTES = 8 * 1024 * 1024;

/**
 * A worker thread that converts OTLP/JSON, so that a large request keeps nobody waiting on the main thread. It starts
 * with the first request. When it crashes, the request that it was at is answered with the cause, and a new thread takes
 * the others.
 */
export class JsonThread {
  /** In the order in which the thread takes them. */
  readonly #conversions = new Map<number, Conversion>();
  #worker: Worker | undefined;
  #hadLargeBody = false;
  #nextId = 0;
  #isClosed = false;

  /** @throws invalid / MALFORMED_OTLP, REQUEST_TOO_LARGE; closed / CLOSED */
  convert(
    signal: Signal,
    body: Uint8Array<SharedArrayBuffer>,
    maxBytes: number,
  ): Promise<Uint8Array<SharedArrayBuffer>> {
    if (this.#isClosed) return Promise.reject(new OpenWitError('closed', 'CLOSED', 'receiver is shutting down'));
    const request: JsonRequest = { id: this.#nextId++, signal, body, maxBytes };
    const done = Promise.withResolvers<Uint8Array<SharedArrayBuffer>>();
    this.#conversions.set(request.id, { request, done });
    if (body.length >= LARGE_BODY_BYTES) this.#hadLargeBody = true;
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage(request);
    return done.promise;
  }

  /** Ends the thread; what is not answered yet is closed / CLOSED. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#worker = undefined;
    for (const { done } of this.#conversions.values()) {
      done.reject(new OpenWitError('closed', 'CLOSED', 'receiver is shutting down'));
    }
    this.#conversions.clear();
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = startWorker(import.meta.url, './json-worker', { name: 'openwit-json' });
    let failure: unknown;
    worker.on('message', (reply: JsonReply) => this.#settle(reply));
    worker.on('error', (error) => void (failure = error));
    worker.on('exit', () => {
      if (this.#worker === worker) this.#restart(failure);
    });
    return worker;
  }

  #settle(reply: JsonReply): void {
    const conversion = this.#conversions.get(reply.id);
    this.#conversions.delete(reply.id);
    if (this.#conversions.size === 0) this.#rest();
    if ('payload' in reply) conversion?.done.resolve(reply.payload);
    else conversion?.done.reject(errorFromMessage(reply.error));
  }

  #rest(): void {
    const worker = this.#worker;
    worker?.unref();
    if (!this.#hadLargeBody) return;
    this.#hadLargeBody = false;
    this.#worker = undefined;
    void worker?.terminate();
  }

  #restart(cause: unknown): void {
    this.#worker = undefined;
    const [failed, ...others] = this.#conversions.values();
    if (failed === undefined) return;
    this.#conversions.delete(failed.request.id);
    failed.done.reject(new OpenWitError('internal', 'INTERNAL', 'the JSON thread ended', { cause }));
    if (others.length === 0) return;
    this.#worker = this.#start();
    for (const { request } of others) this.#worker.postMessage(request);
  }
}

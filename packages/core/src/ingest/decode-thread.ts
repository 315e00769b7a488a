import type { Worker } from 'node:worker_threads';
import { errorFromMessage, OpenWitError, type Signal, startWorker } from '@openwit/ports';
import type { BatchLimits, DecodeCommand, DecodeReply, DecodeResult, DecodeSettings } from './decode-protocol.ts';

export interface DecodeRequest {
  readonly slot: number;
  readonly signal: Signal;
  /** Must not change until the answer is there. */
  readonly payload: Uint8Array<SharedArrayBuffer>;
  readonly committedRows: number;
  readonly limits: BatchLimits;
}

export type Decoded = DecodeResult | OpenWitError;

/** A worker thread that decodes requests into batches, in the order of the calls. */
export class DecodeThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (decoded: Decoded) => void>();
  #nextId = 0;
  #failure: OpenWitError | undefined;

  /** `onFailure` is called once when the thread dies by itself: what its batches held in memory is gone. */
  constructor(settings: DecodeSettings, onFailure: (error: OpenWitError) => void) {
    this.#worker = startWorker(import.meta.url, './decode-worker', { name: 'openwit-decode', workerData: settings });
    this.#worker.unref();
    this.#worker.on('message', (reply: DecodeReply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#fail(cause, onFailure));
  }

  /** How many requests are with the thread. */
  get load(): number {
    return this.#waiting.size;
  }

  decode(request: DecodeRequest): Promise<Decoded> {
    if (this.#failure !== undefined) return Promise.resolve(this.#failure);
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<Decoded>();
    this.#waiting.set(id, resolve);
    this.#worker.ref();
    this.#post({ kind: 'decode', id, ...request });
    return promise;
  }

  truncate(slot: number, rows: number): void {
    this.#post({ kind: 'truncate', slot, rows });
  }

  recycle(slot: number): void {
    this.#post({ kind: 'recycle', slot });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #post(command: DecodeCommand): void {
    this.#worker.postMessage(command);
  }

  #settle({ id, result, error }: DecodeReply): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    resolve?.(result ?? errorFromMessage(error!));
  }

  #fail(cause: unknown, onFailure: (error: OpenWitError) => void): void {
    this.#failure = new OpenWitError('unavailable', 'INTERNAL', 'decode thread failed', { cause, retryAfterMs: 1000 });
    for (const resolve of this.#waiting.values()) resolve(this.#failure);
    this.#waiting.clear();
    onFailure(this.#failure);
  }
}

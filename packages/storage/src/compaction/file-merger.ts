import type { Worker } from 'node:worker_threads';
import { errorFromMessage, OpenWitError, startWorker } from '@openwit/ports';
import type { MergedFile, MergeRequest, MergeSettings } from './merge-request.ts';
import type { MergeAnswer, MergeJob } from './merge-worker.ts';

/**
 * Merges files in a thread of its own, one merge at a time; the thread starts with the first. When it crashes, its merge
 * rejects with `internal` / INTERNAL and the cause, and the next one gets a new thread.
 */
export class FileMerger {
  readonly #settings: MergeSettings;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  #worker: Worker | undefined;
  #answer: PromiseWithResolvers<readonly MergedFile[]> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(settings: MergeSettings) {
    this.#settings = settings;
  }

  /**
   * The files lie at their unfinished names then, whole but not durable; outputs that got no row are left out. When it
   * rejects, nothing lies there. @throws closed / CLOSED; internal / INTERNAL
   */
  merge(request: MergeRequest): Promise<readonly MergedFile[]> {
    const merged = this.#last.then(() => this.#run(request));
    this.#last = merged.catch(() => {});
    return merged;
  }

  /** Stops what is under way, which rejects, and ends the thread. */
  async close(): Promise<void> {
    Atomics.store(this.#stop, 0, 1);
    await this.#last;
    await this.#worker?.terminate();
  }

  #run(request: MergeRequest): Promise<readonly MergedFile[]> {
    if (Atomics.load(this.#stop, 0) !== 0) throw new OpenWitError('closed', 'CLOSED', 'the merger is closed');
    const worker = (this.#worker ??= this.#start());
    const answer = (this.#answer = Promise.withResolvers());
    worker.ref();
    worker.postMessage({ request, settings: this.#settings, stop: this.#stop } satisfies MergeJob);
    return answer.promise.finally(() => worker.unref());
  }

  #start(): Worker {
    const worker = startWorker(import.meta.url, './merge-worker', { name: 'openwit-merge' });
    worker.on('message', (answer: MergeAnswer) => {
      if ('files' in answer) this.#answer?.resolve(answer.files);
      else this.#answer?.reject(errorFromMessage(answer.error));
    });
    let failure: unknown;
    worker.on('error', (error) => void (failure = error));
    worker.on('exit', () => {
      this.#worker = undefined;
      this.#answer?.reject(new OpenWitError('internal', 'INTERNAL', 'the merge thread ended', { cause: failure }));
    });
    return worker;
  }
}

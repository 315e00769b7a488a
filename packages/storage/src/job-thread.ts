import { parentPort, type Worker } from 'node:worker_threads';
import { type ErrorMessage, errorFromMessage, errorToMessage, OpenWitError, startWorker } from '@openwit/ports';
import { yieldToOthers } from './thread-priority.ts';

interface Job<Request> {
  readonly request: Request;
  /** One number that is not 0 when the job is to end. */
  readonly stop: Int32Array;
}

type Answer<Result> = { readonly result: Result } | { readonly error: ErrorMessage };

export interface JobThreadPlace {
  /** `import.meta.url` of a module beside the thread's. */
  readonly base: string;
  /** The thread's module, which calls {@link serveJobs}; without its extension. */
  readonly file: string;
  readonly name: string;
}

/**
 * Does jobs in a thread of its own, one at a time; the thread starts with the first. When it crashes, its job rejects with
 * `internal` / INTERNAL and the cause, and the next one gets a new thread.
 */
export class JobThread<Request, Result> {
  readonly #place: JobThreadPlace;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  #worker: Worker | undefined;
  #answer: PromiseWithResolvers<Result> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(place: JobThreadPlace) {
    this.#place = place;
  }

  /** @throws closed / CLOSED; internal / INTERNAL; what the job throws */
  run(request: Request): Promise<Result> {
    const result = this.#last.then(() => this.#run(request));
    this.#last = result.catch(() => {});
    return result;
  }

  /** Stops what is under way, which rejects, and ends the thread. */
  async close(): Promise<void> {
    Atomics.store(this.#stop, 0, 1);
    await this.#last;
    await this.#worker?.terminate();
  }

  #run(request: Request): Promise<Result> {
    const { name } = this.#place;
    if (Atomics.load(this.#stop, 0) !== 0) throw new OpenWitError('closed', 'CLOSED', `${name} is closed`);
    const worker = (this.#worker ??= this.#start());
    const answer = (this.#answer = Promise.withResolvers());
    worker.ref();
    worker.postMessage({ request, stop: this.#stop } satisfies Job<Request>);
    return answer.promise.finally(() => worker.unref());
  }

  #start(): Worker {
    const { base, file, name } = this.#place;
    const worker = startWorker(base, file, { name });
    worker.on('message', (answer: Answer<Result>) => {
      if ('error' in answer) this.#answer?.reject(errorFromMessage(answer.error));
      else this.#answer?.resolve(answer.result);
    });
    let failure: unknown;
    worker.on('error', (error) => void (failure = error));
    worker.on('exit', () => {
      this.#worker = undefined;
      this.#answer?.reject(
        new OpenWitError('internal', 'INTERNAL', `the thread ended, name=${name}`, { cause: failure }),
      );
    });
    return worker;
  }
}

/** The other side, in the thread. All other threads of the process go before it. */
export function serveJobs<Request, Result>(run: (request: Request, isStopped: () => boolean) => Promise<Result>): void {
  yieldToOthers();
  parentPort!.on('message', ({ request, stop }: Job<Request>) => {
    run(request, () => Atomics.load(stop, 0) !== 0).then(
      (result) => parentPort!.postMessage({ result } satisfies Answer<Result>),
      (error: unknown) => parentPort!.postMessage({ error: errorToMessage(error) } satisfies Answer<Result>),
    );
  });
}

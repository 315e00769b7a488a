import type { Span } from '../byte-spans.ts';

/**
 * One request that several queries may wait for. It goes on while one of them does, and is aborted when none does any more.
 */
export class Flight {
  readonly span: Span;
  readonly done: Promise<void>;
  readonly #controller = new AbortController();
  readonly #onAbandoned: (flight: Flight) => void;
  #waiters = 0;

  constructor(span: Span, run: (signal: AbortSignal) => Promise<void>, onAbandoned: (flight: Flight) => void) {
    this.span = span;
    this.#onAbandoned = onAbandoned;
    this.done = run(this.#controller.signal);
    this.done.catch(() => {}); // each of those who wait hears of it
  }

  join(): void {
    this.#waiters++;
  }

  leave(): void {
    if (--this.#waiters > 0) return;
    this.#onAbandoned(this);
    this.abort(new Error('nobody waits for it'));
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }
}

/** Waits for all of them together. `keepsOn`: an error that the others are waited for in spite of. */
export async function landed(
  flights: readonly Flight[],
  signal: AbortSignal,
  keepsOn: (error: unknown) => boolean,
): Promise<void> {
  signal.throwIfAborted();
  let failure: { readonly error: unknown } | undefined;
  const all = flights.map(({ done }) =>
    done.catch((error: unknown) => {
      if (!keepsOn(error)) throw error;
      failure ??= { error };
    }),
  );
  for (const flight of flights) flight.join();
  try {
    await unlessAborted(Promise.all(all), signal);
  } finally {
    for (const flight of flights) flight.leave();
  }
  if (failure !== undefined) throw failure.error;
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

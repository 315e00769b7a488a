import type { Clock } from '@openwit/ports';

/** Counts the requests that are under way, so that a server that stops knows when the last has its answer. */
export class UnderWay {
  #count = 0;
  #whenNone: (() => void) | undefined;

  /** A request is under way from here until its response has closed, however it ends. */
  track(response: { once(event: 'close', listener: () => void): unknown }): void {
    this.#count++;
    response.once('close', () => {
      this.#count--;
      if (this.#count === 0) this.#whenNone?.();
    });
  }

  /** Resolves when none is left, or after `patienceMs`: a body that never comes keeps no server from stopping. */
  async drained(clock: Clock, patienceMs: number): Promise<void> {
    if (this.#count === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenNone = resolve;
    const patience = clock.schedule(patienceMs, resolve);
    await promise;
    patience.cancel();
  }
}

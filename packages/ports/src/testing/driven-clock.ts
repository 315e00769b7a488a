import type { Clock, ScheduledCall } from '../clock.ts';

/** A clock that stands still until a test moves it. */
export class DrivenClock implements Clock {
  #now: number;
  #elapsed = 0;
  #calls: { at: number; callback: () => void }[] = [];

  constructor(now = 1_800_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  schedule(delayMs: number, callback: () => void): ScheduledCall {
    const call = { at: this.#elapsed + delayMs, callback };
    this.#calls.push(call);
    return { cancel: () => void (this.#calls = this.#calls.filter((other) => other !== call)) };
  }

  /** Moves both clocks forward and makes the calls that fall due, in their order, each at its time. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (;;) {
      const next = this.#calls.reduce<{ at: number; callback: () => void } | undefined>(
        (first, call) => (call.at <= end && (first === undefined || call.at < first.at) ? call : first),
        undefined,
      );
      if (next === undefined) break;
      this.#calls = this.#calls.filter((call) => call !== next);
      this.#now += next.at - this.#elapsed;
      this.#elapsed = next.at;
      next.callback();
    }
    this.#now += end - this.#elapsed;
    this.#elapsed = end;
  }

  /** Moves the wall clock alone, as an administrator or NTP does. */
  jump(ms: number): void {
    this.#now += ms;
  }
}

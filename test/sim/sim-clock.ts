import type { Clock, ScheduledCall } from '@openwit/ports';
import type { Life } from './scheduler.ts';

const SHORT_BREAK_MS = 10 * 60_000;

interface Call {
  readonly at: number;
  readonly callback: () => void;
}

/** The machine's clocks: one that only goes on, and a wall clock that may be wrong by an offset. */
export class SimClock implements Clock {
  readonly #startMs: number;
  readonly #confirmMs: number;
  #elapsed = 0;
  #offsetMs = 0;
  #offsetSince = 0;
  #confirmedMs = 0;
  #calls: Call[] = [];

  /** @param confirmMs for how long a clock must tell a wrong time until it may be believed */
  constructor(startMs: number, confirmMs: number) {
    this.#startMs = startMs;
    this.#confirmMs = confirmMs;
  }

  now(): number {
    return this.#startMs + this.#elapsed + this.#offsetMs;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  /** What nobody may think that it is later than: the true time, or what the clock has told for long enough. */
  latestTrusted(): number {
    if (this.#elapsed - this.#offsetSince >= this.#confirmMs) {
      this.#confirmedMs = Math.max(this.#confirmedMs, this.#offsetMs);
    }
    return this.#startMs + this.#elapsed + this.#confirmedMs;
  }

  /** A process that starts believes a clock that is off by no more than a short break. */
  processStarts(): void {
    if (this.#offsetMs - this.#confirmedMs <= SHORT_BREAK_MS) {
      this.#confirmedMs = Math.max(this.#confirmedMs, this.#offsetMs);
    }
  }

  /** How wrong the wall clock is now. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Sets the wall clock, as an administrator or NTP does. */
  setOffset(ms: number): void {
    this.latestTrusted();
    this.#offsetMs = ms;
    this.#offsetSince = this.#elapsed;
  }

  schedule(delayMs: number, callback: () => void): ScheduledCall {
    const call = { at: this.#elapsed + Math.max(0, Math.ceil(delayMs)), callback };
    const behind = this.#calls.findIndex(({ at }) => at > call.at);
    this.#calls.splice(behind < 0 ? this.#calls.length : behind, 0, call);
    return {
      cancel: () => {
        const index = this.#calls.indexOf(call);
        if (index >= 0) this.#calls.splice(index, 1);
      },
    };
  }

  /** The clock as one process has it: what it scheduled is not called after its death. */
  of(life: Life): Clock {
    return {
      now: () => this.now(),
      monotonic: () => this.monotonic(),
      schedule: (delayMs, callback) => this.schedule(delayMs, () => life.isAlive && callback()),
    };
  }

  /** As others have it, whose wall clock is right. */
  right(): Clock {
    return {
      now: () => this.#startMs + this.#elapsed,
      monotonic: () => this.monotonic(),
      schedule: (delayMs, callback) => this.schedule(delayMs, callback),
    };
  }

  /** How long until the next call; Infinity when there is none. */
  untilNext(): number {
    return (this.#calls[0]?.at ?? Infinity) - this.#elapsed;
  }

  /** Moves both clocks forward and makes the calls that fall due, in their order, each at its time. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (let next = this.#calls[0]; next !== undefined && next.at <= end; next = this.#calls[0]) {
      this.#calls.shift();
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.callback();
    }
    this.#elapsed = end;
  }
}

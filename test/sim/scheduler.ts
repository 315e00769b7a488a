import { setImmediate as settled } from 'node:timers/promises';
import type { SeededRandom } from '@openwit/ports/testing';
import type { SimClock } from './sim-clock.ts';
import { hashOf, type Trace } from './trace.ts';

/** A process from its start to its death. */
export class Life {
  readonly number: number;
  isAlive = true;

  constructor(number: number) {
    this.number = number;
  }
}

interface Waiting {
  /** Undefined for what goes on whoever dies: requests that a network still carries. */
  readonly life: Life | undefined;
  readonly label: string;
  readonly go: () => void;
  readonly onDeath: (() => void) | undefined;
}

/** One event in so many is only that time passes. */
const IDLE_ONE_IN = 12;
const LONGEST_IDLE_MS = 700;
const LONGEST_EVENT_MS = 4;

/**
 * Everything that waits in a run waits here, and the seed says what goes on next: one operation, or time. What an operation
 * sets going without another operation or the clock happens before the next event.
 */
export class Scheduler {
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly trace: Trace;
  /** The first thing that was found wrong. */
  failure: unknown;
  #waiting: Waiting[] = [];

  constructor(parts: { readonly clock: SimClock; readonly random: SeededRandom; readonly trace: Trace }) {
    this.clock = parts.clock;
    this.random = parts.random;
    this.trace = parts.trace;
  }

  /** Resolves when it is this operation's turn; never when its process has died. */
  turn(life: Life | undefined, label: string, onDeath?: () => void): Promise<void> {
    if (life?.isAlive === false) return new Promise<never>(() => {});
    return new Promise((go) => this.#waiting.push({ life, label, go, onDeath }));
  }

  /** An operation of several parts: waits for its turn, then runs, and its result is in the trace. */
  async perform<T>(life: Life | undefined, label: string, run: () => Promise<T>): Promise<T> {
    await this.turn(life, label);
    return this.traced(label, run);
  }

  async traced<T>(label: string, run: () => Promise<T>): Promise<T> {
    try {
      const result = await run();
      this.trace.add(`  ${label} = ${hashOf(result)}`);
      return result;
    } catch (error) {
      const { code = 'failed' } = error as { code?: string };
      this.trace.add(`  ${label} ! ${code}`);
      throw error;
    }
  }

  /** Time that passes for a process. */
  sleep(life: Life | undefined, ms: number, label = 'slept'): Promise<void> {
    return new Promise((resolve) => {
      this.clock.schedule(ms, () => void this.turn(life, label).then(resolve));
    });
  }

  /** Its operations are never done, and answer to nobody. */
  die(life: Life): void {
    life.isAlive = false;
    const dead = this.#waiting.filter((waiting) => waiting.life === life);
    this.#waiting = this.#waiting.filter((waiting) => waiting.life !== life);
    this.trace.add(`life ${life.number} ends, ${dead.length} operations with it`);
    for (const { onDeath } of dead) onDeath?.();
  }

  /** What it is told of ends the run. */
  fail(error: unknown): void {
    this.failure ??= error;
  }

  async step(): Promise<void> {
    const { clock, random, trace } = this;
    if (this.#waiting.length === 0) this.#pass(Math.min(clock.untilNext(), 60_000));
    else if (random.below(IDLE_ONE_IN) === 0) this.#pass(random.below(LONGEST_IDLE_MS));
    else {
      const [next] = this.#waiting.splice(random.below(this.#waiting.length), 1);
      clock.advance(random.below(LONGEST_EVENT_MS));
      trace.add(`${clock.monotonic()} ${next!.life?.number ?? '*'} ${next!.label}`);
      next!.go();
    }
    await settled();
    if (this.failure !== undefined) throw this.failure;
  }

  /** So many milliseconds, with all that falls due and nothing else waiting. */
  async passQuietly(ms: number): Promise<void> {
    const end = this.clock.monotonic() + ms;
    while (this.clock.monotonic() < end || this.#waiting.length > 0) {
      if (this.#waiting.length > 0) await this.step();
      else {
        this.#pass(Math.max(0, end - this.clock.monotonic()));
        await settled();
        await settled();
      }
    }
  }

  #pass(ms: number): void {
    this.trace.add(`${this.clock.monotonic()} * ${ms} ms pass`);
    this.clock.advance(ms);
  }
}

import type { Clock } from '@openwit/ports';

/** One of the things that a store does in the background. It is run again and again, never twice at once. */
export interface Chore {
  /** Does what is to be done now. */
  run(): Promise<void>;
  /** Keeps what {@link run} threw for its stats. */
  failed(error: unknown): void;
}

/** Runs chores after each change and at every tick, one after the other. One that throws keeps no other back. */
export class Maintenance {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #chores: readonly Chore[];
  #timer: { cancel(): void };
  #running: Promise<void> | undefined;
  #isDirty = false;
  #isClosed = false;

  /** @param tickMs how often time alone is reason enough, in milliseconds */
  constructor({ clock, chores }: { readonly clock: Clock; readonly chores: readonly Chore[] }, tickMs: number) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#chores = chores;
    this.#timer = this.#clock.schedule(tickMs, () => this.#tick());
  }

  /** Something changed that a chore may want to act on. */
  wake(): void {
    this.#isDirty = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Nothing begins any more. */
  stop(): void {
    this.#isClosed = true;
    this.#timer.cancel();
  }

  /** Waits for the chore that is under way. */
  async close(): Promise<void> {
    this.stop();
    await this.#running;
  }

  #tick(): void {
    this.wake();
    this.#timer = this.#clock.schedule(this.#tickMs, () => this.#tick());
  }

  async #run(): Promise<void> {
    while (this.#isDirty && !this.#isClosed) {
      this.#isDirty = false;
      for (const chore of this.#chores) {
        if (this.#isClosed) return;
        try {
          await chore.run();
        } catch (error) {
          chore.failed(error);
        }
      }
    }
  }
}

import type { ScheduledCall } from '@openwit/ports';
import { DrivenClock } from '@openwit/ports/testing';

/** A driven clock that tells how many calls are due, so that a test can wait for one to be scheduled. */
export class WatchedClock extends DrivenClock {
  readonly #pending: Set<object> = new Set();

  get pending(): number {
    return this.#pending.size;
  }

  override schedule(delayMs: number, callback: () => void): ScheduledCall {
    const entry = {};
    this.#pending.add(entry);
    const call = super.schedule(delayMs, () => {
      this.#pending.delete(entry);
      callback();
    });
    return {
      cancel: () => {
        this.#pending.delete(entry);
        call.cancel();
      },
    };
  }
}

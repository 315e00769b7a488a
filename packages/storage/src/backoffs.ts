import type { Clock } from '@openwit/ports';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

/** What failed, by its key: each waits before it is tried again, twice as long with each failure. */
export class Backoffs<K> {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #failed = new Map<K, { readonly attempts: number; readonly retryAt: number }>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** How much there is that failed the last time. */
  get size(): number {
    return this.#failed.size;
  }

  /** How often it failed since it last succeeded. */
  attempts(key: K): number {
    return this.#failed.get(key)?.attempts ?? 0;
  }

  isWaiting(key: K): boolean {
    return (this.#failed.get(key)?.retryAt ?? -Infinity) > this.#clock.monotonic();
  }

  /** @param longestMs 0 when it is counted alone, and need not wait */
  failed(key: K, longestMs: number = LONGEST_WAIT_MS): void {
    const attempts = this.attempts(key) + 1;
    const waitMs = Math.min(longestMs, FIRST_WAIT_MS * 2 ** (attempts - 1));
    this.#failed.set(key, { attempts, retryAt: this.#clock.monotonic() + waitMs });
  }

  succeeded(key: K): void {
    this.#failed.delete(key);
  }

  /** Forgets what is not there any more. */
  keep(keys: ReadonlySet<K>): void {
    for (const key of this.#failed.keys()) if (!keys.has(key)) this.#failed.delete(key);
  }
}

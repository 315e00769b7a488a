import { type Clock, OpenWitError, type ScheduledCall } from '@openwit/ports';

/**
 * Bytes that ingest may hold. Who finds it spent waits a bounded moment for others to give back, in the order of
 * arrival, and is then refused.
 */
export class MemoryBudget {
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #maxWaitMs: number;
  readonly #usedElsewhere: () => number;
  #reserved = 0;
  readonly #waiting: { readonly bytes: number; readonly admit: () => void; readonly timer: ScheduledCall }[] = [];

  constructor(
    { clock, usedElsewhere }: { clock: Clock; usedElsewhere: () => number },
    { maxBytes, maxWaitMs }: { maxBytes: number; maxWaitMs: number },
  ) {
    this.#clock = clock;
    this.#usedElsewhere = usedElsewhere;
    this.#maxBytes = maxBytes;
    this.#maxWaitMs = maxWaitMs;
  }

  get usedBytes(): number {
    return this.#reserved + this.#usedElsewhere();
  }

  get isExceeded(): boolean {
    return this.usedBytes > this.#maxBytes;
  }

  /** Whether somebody waits. */
  get isSpent(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves when the bytes are granted; give them back with {@link release}. @throws overloaded / OVERLOADED */
  reserve(bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#reserved += bytes;
      return undefined;
    }
    return this.#wait(bytes);
  }

  release(bytes: number): void {
    this.#reserved -= bytes;
    this.check();
  }

  /** To be called when bytes that are counted elsewhere went down. */
  check(): void {
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0]!.bytes)) {
      const next = this.#waiting.shift()!;
      next.timer.cancel();
      this.#reserved += next.bytes;
      next.admit();
    }
  }

  /** A request that is larger than the whole budget is let in alone. */
  #fits(bytes: number): boolean {
    const used = this.usedBytes;
    return used === 0 || used + bytes <= this.#maxBytes;
  }

  #wait(bytes: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = this.#clock.schedule(this.#maxWaitMs, () => {
      this.#waiting.splice(this.#waiting.indexOf(entry), 1);
      reject(overloaded(this.#maxBytes));
      this.check();
    });
    const entry = { bytes, admit: resolve, timer };
    this.#waiting.push(entry);
    return promise;
  }
}

function overloaded(maxBytes: number): OpenWitError {
  const message = `ingest memory is full, maxMemoryBytes=${maxBytes}`;
  return new OpenWitError('overloaded', 'OVERLOADED', message, { retryAfterMs: 1000 });
}

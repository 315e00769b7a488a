import { type Clock, OpenWitError, type ScheduledCall } from '@openwit/ports';

export interface AdmissionLimits {
  readonly maxConcurrentRequests: number;
  readonly maxInFlightBytes: number;
  readonly maxWaitMs: number;
}

interface Waiter {
  readonly requests: number;
  readonly bytes: number;
  readonly admit: () => void;
}

/**
 * How many requests, and bytes of them, are under way. Who does not fit waits for a bounded moment, first come, first
 * served: a short burst is absorbed, lasting pressure is answered.
 */
export class Admission {
  readonly #clock: Clock;
  readonly #limits: AdmissionLimits;
  readonly #waiting: Waiter[] = [];
  #requests = 0;
  #bytes = 0;

  constructor(clock: Clock, limits: AdmissionLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Nothing when there is room, else a promise of it. @throws overloaded / OVERLOADED */
  acquire(requests: number, bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#hasRoom(requests, bytes)) {
      this.#add(requests, bytes);
      return undefined;
    }
    return this.#wait(requests, bytes);
  }

  release(requests: number, bytes: number): void {
    this.#add(-requests, -bytes);
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || !this.#hasRoom(next.requests, next.bytes)) return;
      this.#waiting.shift();
      this.#add(next.requests, next.bytes);
      next.admit();
    }
  }

  #wait(requests: number, bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: ScheduledCall;
      const waiter: Waiter = {
        requests,
        bytes,
        admit: () => {
          timer.cancel();
          resolve();
        },
      };
      this.#waiting.push(waiter);
      timer = this.#clock.schedule(this.#limits.maxWaitMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(new OpenWitError('overloaded', 'OVERLOADED', 'too many requests are under way'));
        // Whoever stood behind it may fit.
        this.release(0, 0);
      });
    });
  }

  #hasRoom(requests: number, bytes: number): boolean {
    const { maxConcurrentRequests, maxInFlightBytes } = this.#limits;
    return this.#requests + requests <= maxConcurrentRequests && this.#bytes + bytes <= maxInFlightBytes;
  }

  #add(requests: number, bytes: number): void {
    this.#requests += requests;
    this.#bytes += bytes;
  }
}

/** What one request has of the limits: bytes as they arrive, and a place among the requests when it is whole. */
export class AdmissionShare {
  readonly #admission: Admission;
  #requests = 0;
  #bytes = 0;
  #isReleased = false;

  constructor(admission: Admission) {
    this.#admission = admission;
  }

  /** Nothing when there is room for so many bytes more, else a promise of it. @throws overloaded / OVERLOADED */
  take(bytes: number): Promise<void> | undefined {
    return this.#acquire(0, bytes);
  }

  /** The request is whole and is worked on from now: nothing when there is a place, else a promise of it. @throws overloaded / OVERLOADED */
  enter(): Promise<void> | undefined {
    return this.#acquire(1, 0);
  }

  #acquire(requests: number, bytes: number): Promise<void> | undefined {
    const wait = this.#admission.acquire(requests, bytes);
    if (wait !== undefined) return wait.then(() => this.#taken(requests, bytes));
    this.#taken(requests, bytes);
    return undefined;
  }

  #taken(requests: number, bytes: number): void {
    if (this.#isReleased) {
      this.#admission.release(requests, bytes);
      return;
    }
    this.#requests += requests;
    this.#bytes += bytes;
  }

  /** Gives back what was taken beyond `bytes`. */
  shrinkTo(bytes: number): void {
    const surplus = this.#bytes - bytes;
    if (surplus <= 0) return;
    this.#bytes = bytes;
    this.#admission.release(0, surplus);
  }

  /** Gives everything back. Doing it twice does nothing; what is still waited for goes back when it comes. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#admission.release(this.#requests, this.#bytes);
  }
}

/** Time as a collaborator, so that a test can drive it. */
export interface Clock {
  /** Wall-clock time, milliseconds since the Unix epoch. It may jump either way. */
  now(): number;
  /** Milliseconds of a clock that never goes back; only differences mean anything. */
  monotonic(): number;
  /** Calls `callback` once after `delayMs`, unless the returned timer is cancelled first. It keeps no process alive. */
  schedule(delayMs: number, callback: () => void): ScheduledCall;
}

export interface ScheduledCall {
  /** After this returns, the callback is not called any more. Cancelling twice does nothing. */
  cancel(): void;
}

/** 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's clocks; a timer waits for 24.8 days at most. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, callback) {
    // A longer delay than a timer can have would end at once.
    const timer = setTimeout(callback, Math.min(delayMs, LONGEST_TIMER_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** `2026-11-23T23:35:38.343Z`: a time that is given, in milliseconds since the Unix epoch. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** The other way: milliseconds since the Unix epoch. */
export function timeOfIso(text: string): number {
  return Date.parse(text);
}

/** Milliseconds since the Unix epoch of a time as {@link isoTime} writes it, or with a space for the `T`; NaN when it is none. */
export function parseTime(text: string): number {
  return Date.parse(text);
}

/** Resolves after `delayMs` of the given clock; rejects with the signal's reason when it is aborted before. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const call = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', wake);
      resolve();
    });
    const wake = (): void => {
      call.cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', wake, { once: true });
  });
}

/**
 * Keeps the process alive until the promise settles. Timers of {@link systemClock} do not, nor do idle threads: a script
 * that waits for nothing else would end in the middle of what it waits for.
 */
export async function keepingAlive<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, LONGEST_TIMER_MS);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}

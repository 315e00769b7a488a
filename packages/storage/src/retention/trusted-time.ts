import type { Clock } from '@openwit/ports';

/** What a clock that runs is corrected by, at most. */
const TOLERANCE_MS = 1000;
/** A node that was away for no longer believes its clock at once. */
const SHORT_BREAK_MS = 10 * 60_000;

/**
 * The time that records are removed by. It never runs ahead of what is known: when the machine's clock jumps forward, it goes on
 * as before until the clock has told the new time for as long as an operator may need to see it; when the clock jumps back,
 * it follows at once.
 */
export class TrustedTime {
  readonly #clock: Clock;
  readonly #confirmMs: number;
  #wall: number;
  #monotonic: number;
  #claimed: { readonly wall: number; readonly monotonic: number } | undefined;

  /**
   * @param lastSeenMs a time that is known to have been; undefined: the clock is believed when it has gone on for long enough
   * @param confirmMs how long a clock must go on telling a time that it jumped to
   */
  constructor(clock: Clock, lastSeenMs: number | undefined, confirmMs: number) {
    this.#clock = clock;
    this.#confirmMs = confirmMs;
    const now = clock.now();
    this.#wall = lastSeenMs !== undefined && now - lastSeenMs <= SHORT_BREAK_MS ? now : (lastSeenMs ?? 0);
    this.#monotonic = clock.monotonic();
  }

  now(): number {
    const wall = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const expected = this.#wall + (monotonic - this.#monotonic);
    if (wall <= expected + TOLERANCE_MS) return this.#trust(wall, monotonic);
    const claimed = this.#claimed;
    const isSame =
      claimed !== undefined && Math.abs(wall - claimed.wall - (monotonic - claimed.monotonic)) <= TOLERANCE_MS;
    if (!isSame) this.#claimed = { wall, monotonic };
    else if (monotonic - claimed.monotonic >= this.#confirmMs) return this.#trust(wall, monotonic);
    return expected;
  }

  #trust(wall: number, monotonic: number): number {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.#claimed = undefined;
    return wall;
  }
}

/** Stretches of rows, levels or values, one after the other: each from one number, inclusive, to another, exclusive. */
export interface Runs {
  readonly from: Int32Array;
  readonly to: Int32Array;
}

/** How much is in the runs together. */
export function lengthOfRuns({ from, to }: Runs): number {
  let length = 0;
  for (let i = 0; i < from.length; i++) length += to[i]! - from[i]!;
  return length;
}

/** @param at where each begins, and behind the last one their end */
export function mappedRuns({ from, to }: Runs, at: Int32Array): Runs {
  return { from: from.map((row) => at[row]!), to: to.map((row) => at[row]!) };
}

/** @returns how many were copied */
export function copyRuns(source: Int32Array, { from, to }: Runs, target: Int32Array): number {
  let at = 0;
  for (let r = 0; r < from.length; r++) {
    const end = to[r]!;
    for (let i = from[r]!; i < end; i++) target[at++] = source[i]!;
  }
  return at;
}

/** With room for `length`. */
export function enlarged(values: Int32Array, used: number, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(length, 2 * values.length));
  larger.set(values.subarray(0, used));
  return larger;
}

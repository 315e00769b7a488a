/** Stretches of rows, levels or values, one after the other: each from one number, inclusive, to another, exclusive. */
export interface Runs {
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** How much is in them together. */
  readonly length: number;
}

export function runsOf(from: Int32Array, to: Int32Array): Runs {
  let length = 0;
  for (let i = 0; i < from.length; i++) length += to[i]! - from[i]!;
  return { from, to, length };
}

/** @param at where each begins, and behind the last one their end */
export function mappedRuns({ from, to }: Runs, at: Int32Array): Runs {
  return runsOf(
    from.map((row) => at[row]!),
    to.map((row) => at[row]!),
  );
}

export function copyRuns(source: Int32Array, { from, to }: Runs, target: Int32Array): void {
  let at = 0;
  for (let r = 0; r < from.length; r++) {
    const length = to[r]! - from[r]!;
    copyWords(source, from[r]!, length, target, at);
    at += length;
  }
}

/** Stands alone, as a loop within a loop would be compiled for each time that it runs long. */
export function copyWords(source: Int32Array, from: number, length: number, target: Int32Array, at: number): void {
  for (let i = 0; i < length; i++) target[at + i] = source[from + i]!;
}

/** The words at some of the indices. */
export function gatherWords(
  source: Int32Array,
  indices: Int32Array,
  from: number,
  to: number,
  target: Int32Array,
  start: number,
): void {
  for (let i = from; i < to; i++) target[start + i - from] = source[indices[i]!]!;
}

/** With room for `length`. */
export function enlarged(values: Int32Array, used: number, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(length, 2 * values.length));
  larger.set(values.subarray(0, used));
  return larger;
}

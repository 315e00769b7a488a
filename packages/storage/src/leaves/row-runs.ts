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

/** The runs in so many parts, of nearly as many rows each. */
export function split(runs: Runs, parts: number): Runs[] {
  if (parts <= 1 || runs.length === 0) return [runs];
  const most = Math.ceil(runs.length / parts);
  const all: Runs[] = [];
  let from: number[] = [];
  let to: number[] = [];
  let length = 0;
  const close = (): void => {
    all.push({ from: Int32Array.from(from), to: Int32Array.from(to), length });
    from = [];
    to = [];
    length = 0;
  };
  for (let i = 0; i < runs.from.length; i++) {
    for (let at = runs.from[i]!; at < runs.to[i]!; ) {
      const end = Math.min(runs.to[i]!, at + most - length);
      from.push(at);
      to.push(end);
      length += end - at;
      at = end;
      if (length === most) close();
    }
  }
  if (length > 0) close();
  return all;
}

/** A run of fewer is packed: of eight values there is always whole groups. */
const LEAST_RUN = 8;
const GROUP = 8;

/**
 * Parquet's "RLE / bit-packing hybrid" of small numbers: stretches of one value as a run, others in groups of eight, a few bits
 * each (https://parquet.apache.org/docs/file-format/data-pages/encodings/).
 * @param width bits of the greatest value; at most 24
 */
export function encodedRuns(values: Int32Array, length: number, width: number): Uint8Array {
  const writer = new RunWriter(length, width);
  for (let at = 0; at < length; ) {
    const run = runAt(values, at, length);
    if (run >= LEAST_RUN || at + run === length) {
      writer.run(values[at]!, run);
      at += run;
      continue;
    }
    let end = at + GROUP;
    while (end < length && runAt(values, end, Math.min(length, end + LEAST_RUN)) < LEAST_RUN) end += GROUP;
    writer.packed(values, at, Math.min(end, length));
    at = end;
  }
  return writer.finish();
}

/** One value below 256, so often. */
export function repeated(value: number, length: number): Uint8Array {
  const writer = new RunWriter(GROUP, 8);
  writer.run(value, length);
  return writer.finish();
}

/** Bits for numbers below `count`. */
export function bitsFor(count: number): number {
  return Math.max(1, 32 - Math.clz32(count - 1));
}

/** How many values from `at` on are the same. */
export function runAt(values: Int32Array, at: number, end: number): number {
  const value = values[at]!;
  let run = 1;
  while (at + run < end && values[at + run] === value) run++;
  return run;
}

class RunWriter {
  readonly #bytes: Uint8Array;
  readonly #width: number;
  #at = 0;

  constructor(length: number, width: number) {
    this.#width = width;
    // Packed, with a head for every group, it is longest.
    this.#bytes = new Uint8Array(Math.ceil(length / GROUP) * (width + HEAD_BYTES) + HEAD_BYTES + width);
  }

  run(value: number, length: number): void {
    this.#head(2 * length);
    for (let bits = 0; bits < this.#width; bits += 8) this.#bytes[this.#at++] = value >>> bits;
  }

  /** The last group of all may be padded: readers know how many values there are. */
  packed(values: Int32Array, from: number, to: number): void {
    const groups = Math.ceil((to - from) / GROUP);
    this.#head(2 * groups + 1);
    let open = 0;
    let bits = 0;
    for (let i = from; i < from + groups * GROUP; i++) {
      open |= (i < to ? values[i]! : 0) << bits;
      bits += this.#width;
      for (; bits >= 8; bits -= 8) {
        this.#bytes[this.#at++] = open;
        open >>>= 8;
      }
    }
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  #head(value: number): void {
    for (; value > 127; value = Math.floor(value / 128)) this.#bytes[this.#at++] = (value % 128) | 128;
    this.#bytes[this.#at++] = value;
  }
}

/** A varint of 32 bits. */
const HEAD_BYTES = 5;

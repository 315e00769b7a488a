import type { RowSpan } from './leaf-pages.ts';
import { enlarged, type Runs, runsOf } from './row-runs.ts';

/** Row groups that are made together, leaf by leaf. */
export interface Piece {
  /** Of each file the rows that are taken, in order. In the piece they lie one behind the other. */
  readonly spans: readonly (readonly RowSpan[])[];
  readonly rows: number;
  /** By their places in the piece, the rows of each row group. */
  readonly groups: readonly Runs[];
}

const LEAST = 64;

/** Collects the runs of one piece after the other. */
export class PieceBuilder {
  #spans: { from: number; to: number }[][];
  #inputs: Int32Array = new Int32Array(LEAST);
  #from: Int32Array = new Int32Array(LEAST);
  #to: Int32Array = new Int32Array(LEAST);
  #runs = 0;
  /** Of each row group that is full, behind its last run. */
  #ends: number[] = [];
  /** Of the row group that is not. */
  openRows = 0;

  constructor(inputs: number) {
    this.#spans = Array.from({ length: inputs }, () => []);
  }

  /** Of each file the rows must come in their order. */
  add(input: number, from: number, to: number): void {
    const at = this.#runs++;
    if (at === this.#inputs.length) {
      this.#inputs = enlarged(this.#inputs, at, at + 1);
      this.#from = enlarged(this.#from, at, at + 1);
      this.#to = enlarged(this.#to, at, at + 1);
    }
    this.#inputs[at] = input;
    this.#from[at] = from;
    this.#to[at] = to;
    const spans = this.#spans[input]!;
    const last = spans.at(-1);
    if (last?.to === from) last.to = to;
    else spans.push({ from, to });
    this.openRows += to - from;
  }

  /** The row group is full. */
  close(): void {
    this.#ends.push(this.#runs);
    this.openRows = 0;
  }

  /** Undefined without a row. The runs are valid until the next ones are added. */
  finish(): Piece | undefined {
    if (this.openRows > 0) this.close();
    const spans = this.#spans;
    const rows = this.#place(spans);
    const groups = this.#ends.map((end, i) => {
      const start = this.#ends[i - 1] ?? 0;
      return runsOf(this.#from.subarray(start, end), this.#to.subarray(start, end));
    });
    this.#spans = spans.map(() => []);
    this.#runs = 0;
    this.#ends = [];
    return groups.length === 0 ? undefined : { spans, rows, groups };
  }

  /** Makes places in the piece of the runs' rows. @returns the rows of all */
  #place(spans: readonly (readonly RowSpan[])[]): number {
    let rows = 0;
    const starts = spans.map((own) =>
      own.map(({ from, to }) => {
        rows += to - from;
        return rows - (to - from);
      }),
    );
    const open = new Int32Array(spans.length);
    for (let i = 0; i < this.#runs; i++) {
      const input = this.#inputs[i]!;
      const own = spans[input]!;
      while (own[open[input]!]!.to <= this.#from[i]!) open[input]!++;
      const shift = starts[input]![open[input]!]! - own[open[input]!]!.from;
      this.#from[i]! += shift;
      this.#to[i]! += shift;
    }
    return rows;
  }
}

import { bitsFor, encodedRuns, repeated } from '../parquet/encoded-runs.ts';
import type { Leaf } from './leaf-schema.ts';
import type { LeafPage, PageLevels } from './leaf-values.ts';
import { copyRuns, enlarged, mappedRuns, type Runs, runsOf } from './row-runs.ts';

const LEAST = 1024;

/** The levels of some rows: what of them is written. */
export interface WrittenLevels {
  readonly count: number;
  /** Of repetition, then of definition, where the leaf has them. */
  readonly encoded: readonly Uint8Array[];
  /** The values of the rows. */
  readonly values: Runs;
}

/** The repetition and definition levels of rows. While they are all the same they are only counted. */
export class ColumnLevels {
  #leaf: Leaf;
  #rows = 0;
  #count = 0;
  #values = 0;
  /** Of every level so far; undefined when they differ. */
  #one: number | undefined;
  #definition: Int32Array = new Int32Array(LEAST);
  #repetition: Int32Array = new Int32Array(LEAST);
  /** Of each row, and behind the last one. */
  #levelAt: Int32Array = new Int32Array(LEAST);
  #valueAt: Int32Array = new Int32Array(LEAST);
  #work: Int32Array = new Int32Array(LEAST);

  constructor(leaf: Leaf) {
    this.#leaf = leaf;
  }

  reset(leaf: Leaf): void {
    this.#leaf = leaf;
    this.#rows = 0;
    this.#count = 0;
    this.#values = 0;
    this.#one = undefined;
  }

  /** @returns the values of the rows among those of the page */
  append({ levels, definition }: LeafPage, from: number, to: number): { readonly from: number; readonly to: number } {
    if (levels !== undefined) return this.#appendLevels(levels, from, to);
    const rows = to - from;
    const isThere = definition === this.#leaf.maxDefinition;
    if (this.#count === 0) this.#one = definition;
    if (this.#one !== definition) {
      this.#spell();
      this.#fill(definition, isThere ? 1 : 0, rows);
    }
    this.#count += rows;
    this.#rows += rows;
    if (!isThere) return { from: 0, to: 0 };
    this.#values += rows;
    return { from, to };
  }

  get rows(): number {
    return this.#rows;
  }

  write(rows: Runs): WrittenLevels {
    const { maxDefinition, maxRepetition } = this.#leaf;
    if (this.#one !== undefined) {
      const count = rows.length;
      const runs = (greatest: number, value: number) => (greatest === 0 ? [] : [repeated(value, count)]);
      const encoded = [...runs(maxRepetition, 0), ...runs(maxDefinition, this.#one)];
      return { count, encoded, values: this.#one === maxDefinition ? rows : NONE };
    }
    const levels = mappedRuns(rows, this.#levelAt);
    const count = levels.length;
    const runs = (greatest: number, source: Int32Array) => {
      if (greatest === 0) return [];
      if (this.#work.length < count) this.#work = new Int32Array(2 * count);
      copyRuns(source, levels, this.#work);
      return [encodedRuns(this.#work, count, bitsFor(greatest + 1))];
    };
    const encoded = [...runs(maxRepetition, this.#repetition), ...runs(maxDefinition, this.#definition)];
    return { count, encoded, values: mappedRuns(rows, this.#valueAt) };
  }

  #appendLevels({ definition, repetition, levelAt, valueAt }: PageLevels, from: number, to: number) {
    this.#spell();
    const start = levelAt === undefined ? from : levelAt[from]!;
    const end = levelAt === undefined ? to : levelAt[to]!;
    this.#reserve(to - from, end - start);
    this.#definition.set(definition.subarray(start, end), this.#count);
    if (repetition === undefined) this.#repetition.fill(0, this.#count, this.#count + end - start);
    else this.#repetition.set(repetition.subarray(start, end), this.#count);
    const values = { from: valueAt[from]!, to: valueAt[to]! };
    for (let row = from; row < to; row++) {
      this.#levelAt[this.#rows] = this.#count + (levelAt === undefined ? row : levelAt[row]!) - start;
      this.#valueAt[this.#rows++] = this.#values + valueAt[row]! - values.from;
    }
    this.#count += end - start;
    this.#values += values.to - values.from;
    this.#levelAt[this.#rows] = this.#count;
    this.#valueAt[this.#rows] = this.#values;
    return values;
  }

  /** What was only counted is written down. */
  #spell(): void {
    if (this.#one === undefined && this.#count > 0) return;
    const definition = this.#one ?? 0;
    const rows = this.#rows;
    this.#one = undefined;
    this.#rows = 0;
    this.#count = 0;
    this.#values = 0;
    const step = definition === this.#leaf.maxDefinition ? 1 : 0;
    this.#fill(definition, step, rows);
    this.#rows = this.#count = rows;
    this.#values = step * rows;
  }

  /** Rows with a level each, and each with `step` values; they are not counted yet. */
  #fill(definition: number, step: number, rows: number): void {
    this.#reserve(rows, rows);
    this.#definition.fill(definition, this.#count, this.#count + rows);
    this.#repetition.fill(0, this.#count, this.#count + rows);
    for (let i = 0; i <= rows; i++) {
      this.#levelAt[this.#rows + i] = this.#count + i;
      this.#valueAt[this.#rows + i] = this.#values + step * i;
    }
  }

  #reserve(rows: number, levels: number): void {
    if (this.#rows + rows >= this.#levelAt.length) {
      this.#levelAt = enlarged(this.#levelAt, this.#rows + 1, this.#rows + rows + 1);
      this.#valueAt = enlarged(this.#valueAt, this.#rows + 1, this.#rows + rows + 1);
    }
    if (this.#count + levels <= this.#definition.length) return;
    this.#definition = enlarged(this.#definition, this.#count, this.#count + levels);
    this.#repetition = enlarged(this.#repetition, this.#count, this.#count + levels);
  }
}

const NONE: Runs = runsOf(new Int32Array(0), new Int32Array(0));

import { runAt } from '../parquet/encoded-runs.ts';
import { Scratch } from '../parquet/scratch.ts';
import type { LeafFile } from './leaf-file.ts';
import type { LeafPage } from './leaf-values.ts';
import { UnknownForm } from './unknown-form.ts';
import { appendValues, FixedStore } from './value-store.ts';

export interface KeyColumns {
  /** The leaves that come before the time, the first first. */
  readonly names: readonly number[];
  readonly time: number;
}

/** `fromNs <= timestamp < toNs`, in nanoseconds since the Unix epoch. */
export interface TimeSpan {
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

export interface KeyInput {
  readonly file: LeafFile;
  /** The numbers of rows to be left out, in order. */
  readonly withoutRows: readonly number[];
}

/**
 * Merges files that are in the order of their key: goes through runs of rows, each of rows that follow one another in a file, in
 * the order of the key of all. Rows that are equal there are in the order of the files.
 */
export class KeyRuns {
  readonly #heap: KeyCursor[] = [];
  /** The run: its file's place among the inputs, and the numbers of its rows in that. */
  input = 0;
  from = 0;
  to = 0;
  /** Of the rows so far. */
  minTimestampNs: bigint | undefined;
  maxTimestampNs: bigint | undefined;

  constructor(inputs: readonly KeyInput[], columns: KeyColumns, span: TimeSpan) {
    const texts = new Map<string, string>();
    const memory = new Scratch();
    const note = (first: bigint, last: bigint): void => {
      if (this.minTimestampNs === undefined || first < this.minTimestampNs) this.minTimestampNs = first;
      if (this.maxTimestampNs === undefined || last > this.maxTimestampNs) this.maxTimestampNs = last;
    };
    inputs.forEach((own, input) => {
      const cursor = new KeyCursor(own, input, { columns, span, texts, memory, note });
      if (cursor.nextStretch()) this.#heap.push(cursor);
    });
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  /** Goes to the next run. @returns false when there is none @throws UnknownForm for a file that is not in order */
  next(): boolean {
    const cursor = this.#heap[0];
    if (cursor === undefined) return false;
    const other = this.#second();
    this.input = cursor.input;
    this.from = cursor.at;
    this.to = other === undefined ? cursor.end : cursor.endBefore(other);
    if (!cursor.moveTo(this.to)) {
      const last = this.#heap.pop()!;
      if (this.#heap.length > 0) this.#heap[0] = last;
    }
    this.#sink(0);
    return true;
  }

  #second(): KeyCursor | undefined {
    const [, a, b] = this.#heap;
    return a === undefined || b === undefined ? a : b.isBefore(a) ? b : a;
  }

  #sink(start: number): void {
    const heap = this.#heap;
    for (let i = start; ; ) {
      const left = 2 * i + 1;
      const right = left + 1;
      let least = i;
      if (left < heap.length && heap[left]!.isBefore(heap[least]!)) least = left;
      if (right < heap.length && heap[right]!.isBefore(heap[least]!)) least = right;
      if (least === i) return;
      [heap[i], heap[least]] = [heap[least]!, heap[i]!];
      i = least;
    }
  }
}

/** Rows with the same names, whose times are in the span. */
interface Stretch {
  readonly names: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** What all cursors share. */
interface CursorParts {
  readonly columns: KeyColumns;
  readonly span: TimeSpan;
  /** Names, each once. */
  readonly texts: Map<string, string>;
  readonly memory: Scratch;
  /** Gets the first and the last time of each stretch that is taken. */
  readonly note: (first: bigint, last: bigint) => void;
}

/** Where the merge is in one file. */
class KeyCursor {
  readonly input: number;
  readonly #file: LeafFile;
  readonly #withoutRows: readonly number[];
  #without = 0;
  readonly #parts: CursorParts;
  #group = 0;
  #stretches: Stretch[] = [];
  #stretch = 0;
  /** Of the row group: by its rows, the halves of the times, the lower first. */
  #low: Uint32Array = new Uint32Array(0);
  #high: Int32Array = new Int32Array(0);
  #firstRow = 0;
  #names: readonly string[] = [];
  /** The names of the last row of the row group before. */
  #lastNames: readonly string[] | undefined;
  #lastTime = 0n;
  /** A row, and the end of its stretch. */
  at = 0;
  end = 0;

  constructor({ file, withoutRows }: KeyInput, input: number, parts: CursorParts) {
    this.#file = file;
    this.#withoutRows = withoutRows;
    this.input = input;
    this.#parts = parts;
  }

  /** @returns false when there is no row left */
  nextStretch(): boolean {
    while (this.#stretch === this.#stretches.length) {
      if (this.#group === this.#file.groups.length) return false;
      this.#readGroup();
    }
    const { names, from, to } = this.#stretches[this.#stretch++]!;
    this.#names = names;
    this.at = from;
    this.end = to;
    return true;
  }

  moveTo(row: number): boolean {
    this.at = row;
    return row < this.end || this.nextStretch();
  }

  isBefore(other: KeyCursor): boolean {
    const byNames = compareNames(this.#names, other.#names);
    return byNames === 0 ? this.#isTimeBefore(this.at, other) : byNames < 0;
  }

  /** The end of the rows that come before the other's, of which the first does. */
  endBefore(other: KeyCursor): number {
    if (compareNames(this.#names, other.#names) !== 0) return this.end;
    let known = this.at;
    let step = 1;
    while (known + step < this.end && this.#isTimeBefore(known + step, other)) {
      known += step;
      step *= 2;
    }
    return firstWhere(known + 1, Math.min(known + step, this.end), (row) => !this.#isTimeBefore(row, other));
  }

  timeAt(row: number): bigint {
    const i = 2 * (row - this.#firstRow);
    return (BigInt(this.#high[i + 1]!) << 32n) | BigInt(this.#low[i]!);
  }

  /** Of a row and the one that the other is at, which have the same names. */
  #isTimeBefore(row: number, other: KeyCursor): boolean {
    const i = 2 * (row - this.#firstRow);
    const k = 2 * (other.at - other.#firstRow);
    const byTime = this.#high[i + 1]! - other.#high[k + 1]! || this.#low[i]! - other.#low[k]!;
    return byTime < 0 || (byTime === 0 && this.input < other.input);
  }

  #readGroup(): void {
    const { firstRow, rows } = this.#file.groups[this.#group++]!;
    const span = { from: firstRow, to: firstRow + rows };
    const { columns, texts, memory } = this.#parts;
    const pages = (leaf: number) => [...this.#file.pages(leaf, [span], memory)].flat();
    const words = timesOf(pages(columns.time), rows);
    this.#low = new Uint32Array(words.buffer, words.byteOffset, words.length);
    this.#high = words;
    this.#firstRow = firstRow;
    const parts = columns.names.map((leaf) => textStretches(pages(leaf), texts));
    this.#stretches = [];
    this.#stretch = 0;
    for (const { names, from, to } of zipped(parts, span)) {
      this.#checkOrder(names, from, to);
      const start = firstWhere(from, to, (row) => this.timeAt(row) >= this.#parts.span.fromNs);
      const end = firstWhere(start, to, (row) => this.timeAt(row) >= this.#parts.span.toNs);
      this.#take(names, start, end);
    }
  }

  /** Without the rows that are to be left out. */
  #take(names: readonly string[], start: number, end: number): void {
    let from = start;
    for (; this.#withoutRows[this.#without]! < end; this.#without++) {
      const row = this.#withoutRows[this.#without]!;
      if (from < row) this.#push({ names, from, to: row });
      from = Math.max(from, row + 1);
    }
    if (from < end) this.#push({ names, from, to: end });
  }

  #push(stretch: Stretch): void {
    this.#stretches.push(stretch);
    this.#parts.note(this.timeAt(stretch.from), this.timeAt(stretch.to - 1));
  }

  /** What SQL sorts anew would be put out of order here. */
  #checkOrder(names: readonly string[], from: number, to: number): void {
    const before = this.#lastNames === undefined ? -1 : compareNames(this.#lastNames, names);
    const isLater = before < 0 || (before === 0 && this.#lastTime <= this.timeAt(from));
    if (!isLater || !areInOrder(this.#low, this.#high, from - this.#firstRow, to - this.#firstRow)) {
      throw new UnknownForm('a file that is not in the order of its key');
    }
    this.#lastNames = names;
    this.#lastTime = this.timeAt(to - 1);
  }
}

function areInOrder(low: Uint32Array, high: Int32Array, from: number, to: number): boolean {
  for (let i = 2 * from + 2; i < 2 * to; i += 2) {
    const byHigh = high[i + 1]! - high[i - 1]!;
    if (byHigh < 0 || (byHigh === 0 && low[i]! < low[i - 2]!)) return false;
  }
  return true;
}

/** By halving; `to` when there is none. */
function firstWhere(from: number, to: number, holds: (row: number) => boolean): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Texts have a character a byte: so they are ordered as their bytes are. */
function compareNames(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue;
    return a[i]! < b[i]! ? -1 : 1;
  }
  return 0;
}

function timesOf(pages: readonly LeafPage[], rows: number): Int32Array {
  const times = new FixedStore(2);
  for (const { values } of pages) {
    if (values.kind === 'text') throw new UnknownForm('times that are texts');
    appendValues(times, values, 0, values.length);
  }
  if (times.length !== rows) throw new UnknownForm('rows without a time');
  return times.values().words;
}

/** Rows with the same text, to the row before `end`. */
interface TextStretch {
  readonly text: string;
  readonly end: number;
}

/** @param texts each once, so that those which are the same are soon compared */
function textStretches(pages: readonly LeafPage[], texts: Map<string, string>): TextStretch[] {
  const stretches: TextStretch[] = [];
  const add = (bytes: string, end: number): void => {
    let text = texts.get(bytes);
    if (text === undefined) texts.set(bytes, (text = bytes));
    if (stretches.at(-1)?.text === text) stretches.pop();
    stretches.push({ text, end });
  };
  for (const { firstRow, rows, values } of pages) {
    if (values.length !== rows) throw new UnknownForm('rows without a name');
    const { dictionary, indices, index } =
      values.kind === 'indexed' ? values : { dictionary: values, indices: undefined, index: undefined };
    if (dictionary.kind !== 'text') throw new UnknownForm('names that are no texts');
    const { bytes, offsets } = dictionary;
    const all = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
    const text = (i: number) => all.toString('latin1', offsets[i], offsets[i + 1]);
    if (index !== undefined && indices === undefined) {
      add(text(index), firstRow + rows);
      continue;
    }
    for (let i = 0; i < rows; ) {
      const end = i + (indices === undefined ? 1 : runAt(indices, i, rows));
      add(text(indices?.[i] ?? i), firstRow + end);
      i = end;
    }
  }
  return stretches;
}

/** Stretches in which all columns have the same texts. */
function* zipped(parts: readonly TextStretch[][], { from, to }: { readonly from: number; readonly to: number }) {
  const places = parts.map(() => 0);
  for (let at = from; at < to; ) {
    const open = parts.map((stretches, i) => stretches[places[i]!]!);
    const end = Math.min(...open.map((stretch) => stretch.end));
    yield { names: open.map(({ text }) => text), from: at, to: end };
    open.forEach((stretch, i) => {
      if (stretch.end === end) places[i]!++;
    });
    at = end;
  }
}

/** Numbers of 32 bits each, or of 64 by their halves, the lower first; of a boolean 0 or 1. */
export interface FixedValues {
  readonly kind: 'fixed';
  readonly length: number;
  readonly words: Int32Array;
}

/** Text `i` is `bytes[offsets[i]..offsets[i + 1]]`. */
export interface TextValues {
  readonly kind: 'text';
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
}

export type PlainValues = FixedValues | TextValues;

/** Value `i` is `dictionary[indices[i]]`, or `dictionary[index]` where all are the same. */
export interface IndexedValues {
  readonly kind: 'indexed';
  readonly length: number;
  readonly dictionary: PlainValues;
  readonly indices: Int32Array | undefined;
  readonly index: number;
}

export type LeafValues = PlainValues | IndexedValues;

/** The levels of a page's rows, where they are not all the same. Of lists a row has several, and of them and of nulls no or several values. */
export interface PageLevels {
  readonly definition: Int32Array;
  /** Absent for a leaf without repetition: it has a level a row. */
  readonly repetition: Int32Array | undefined;
  /** Of each row the first level and the first value, and behind the last row their ends. */
  readonly levelAt: Int32Array | undefined;
  readonly valueAt: Int32Array;
}

/** Rows of one leaf that stand in one page. */
export interface LeafPage {
  /** The number of its first row in its file. */
  readonly firstRow: number;
  readonly rows: number;
  /** The definition level of every row, where there are no `levels`. */
  readonly definition: number;
  readonly levels: PageLevels | undefined;
  readonly values: LeafValues;
}

import { bloomFilter } from '../parquet/bloom-filter.ts';
import { bitsFor, encodedRuns, repeated } from '../parquet/encoded-runs.ts';
import { type ChunkParts, lengthOf, type MadeChunk, madeChunk, type PageParts } from '../parquet/made-chunk.ts';
import type { ColumnCodecs } from '../parquet/page-compression.ts';
import type { StoredType } from '../parquet/stored-layout.ts';
import type { ThriftStruct } from '../parquet/thrift.ts';
import type { WrittenLevels } from './column-levels.ts';
import { type LeafRange, leafRange, statisticsOf } from './leaf-bounds.ts';
import { type Leaf, wordsOf } from './leaf-schema.ts';
import type { PlainValues } from './leaf-values.ts';
import type { PieceColumn } from './piece-column.ts';
import { enlarged, type Runs, split } from './row-runs.ts';
import { FixedDictionary, TextDictionary, type ValueDictionary } from './value-dictionary.ts';
import { FixedStore, TextStore, type ValueStore } from './value-store.ts';

/** A row group that has more different values has no dictionary. */
const MOST_DIFFERENT = 1000;
/** An index must be worth it: so many values to one that is different. */
const LEAST_USES = { text: 2, fixed: 4 } as const;
/** Pieces of a column are much alike: so many are written without a dictionary before it is tried again. */
const PIECES_WITHOUT = 7;
/** Bytes of a page's values at the most: to read one of them a reader inflates all. Of text in smaller ones zstd would find less that repeats. */
const PAGE_BYTES = 128 * 1024;
/** With the values of one row group more it is still a number of 32 bits. */
const MOST_PLACED = 2 ** 30;

export interface LeafColumn {
  readonly leaf: Leaf;
  /** The metadata of any chunk of the leaf. */
  readonly meta: ThriftStruct;
  /** Of a column that holds single values: it gets statistics. */
  readonly type: StoredType | undefined;
}

/** What is known of a column in a row group. */
export interface ChunkStats extends LeafRange {
  readonly valueCount: number;
}

export interface WrittenChunk {
  readonly chunk: MadeChunk;
  readonly stats: ChunkStats | undefined;
}

interface EncodedValues {
  /** All different values at least. */
  readonly different: PlainValues;
  readonly parts: Pick<ChunkParts, 'dictionary' | 'encoding'>;
  /** Of all values together, in the pages. */
  readonly bytes: number;
  /** Some of the values, for a page. */
  values(from: number, to: number): readonly Uint8Array[];
}

/** Memory for one row group after the other, of any leaf. */
export class GroupMemory {
  readonly text: TextStore;
  readonly words: Record<1 | 2, FixedStore> = { 1: new FixedStore(1), 2: new FixedStore(2) };
  indices: Int32Array = new Int32Array(0);

  constructor(mostTextBytes: number) {
    this.text = new TextStore(mostTextBytes);
  }
}

/** Makes the column chunks of one leaf, row group after row group. */
export class LeafWriter {
  readonly #column: LeafColumn;
  readonly #codecs: ColumnCodecs;
  readonly #memory: GroupMemory;
  readonly #name: string;
  #dictionary: ValueDictionary;
  #piecesWithout = 0;
  /** Of each value of the dictionary its place among those of the row group, above `#placed`; of values that it has not, below. */
  #places: Int32Array = new Int32Array(0);
  #placed = 1;

  constructor(column: LeafColumn, codecs: ColumnCodecs, memory: GroupMemory) {
    this.#column = column;
    this.#codecs = codecs;
    this.#memory = memory;
    this.#name = column.leaf.path.join('.');
    this.#dictionary = newDictionary(column.leaf);
  }

  /** Makes the column ready for the rows of a piece. */
  begin(column: PieceColumn): void {
    if (this.#dictionary.isLarge) {
      this.#dictionary = newDictionary(this.#column.leaf);
      this.#places.fill(0);
    }
    // Parquet has no dictionaries of booleans.
    const isTried = this.#column.leaf.kind !== 'boolean' && this.#piecesWithout === 0;
    if (this.#piecesWithout > 0) this.#piecesWithout--;
    column.begin(this.#column.leaf, isTried ? this.#dictionary : undefined);
  }

  /** When all pages of a piece were read. */
  read({ hasTooMany }: PieceColumn): void {
    this.#dictionary.forgetPages();
    if (hasTooMany) this.#piecesWithout = PIECES_WITHOUT;
  }

  /** A chunk of some of the rows. */
  chunk(column: PieceColumn, rows: Runs): WrittenChunk {
    const levels = column.levels(rows);
    const count = levels.values.length;
    const used = column.ids && this.#index(column.ids, levels.values);
    const isIndexed = used !== undefined && count > 0 && this.#isWorthIndex(used, count);
    const { different, parts, ...encoded } = isIndexed
      ? this.#indexed(used, count)
      : this.#plain(this.#filled(column, levels.values, used));
    const { meta, type } = this.#column;
    const range = type && leafRange(type, different);
    const chunk = madeChunk(meta, {
      pages: pagesOf(column, rows, levels, encoded),
      ...parts,
      statistics: range && statisticsOf(levels.count - count, range.containsNan ? undefined : range.bounds),
      codecFor: (bodies) => this.#codecs.of(`${this.#name} ${isIndexed}`, bodies),
    });
    // Zeros and NaNs are the same with other bits, and a filter knows only bits.
    const hasFilter = isIndexed && used.length > 1 && this.#column.leaf.kind !== 'double';
    const filter = hasFilter ? this.#filter(used) : undefined;
    return { chunk: { ...chunk, bloomFilter: filter }, stats: range && { valueCount: count, ...range } };
  }

  #indexed(used: readonly number[], count: number): EncodedValues {
    const bytes = used.map((id) => this.#dictionary.bytesOf(id));
    const isText = this.#column.leaf.kind === 'text';
    const body = Buffer.concat(isText ? bytes.flatMap((text) => [lengthOf(text), text]) : bytes);
    const width = bitsFor(used.length);
    const values = (from: number, to: number) => {
      const indices = this.#memory.indices.subarray(from, to);
      const runs = used.length === 1 ? repeated(0, to - from) : encodedRuns(indices, to - from, width);
      return [Buffer.of(width), runs];
    };
    const dictionary = { count: used.length, body };
    return { different: this.#valuesOf(used), parts: { dictionary }, bytes: (width * count) / 8, values };
  }

  #plain(store: ValueStore): EncodedValues {
    const { kind } = this.#column.leaf;
    const parts = store.length === 0 ? {} : { encoding: store.encoding(kind) };
    const values = (from: number, to: number) => store.encoded(kind, from, to);
    return { different: store.values(), parts, bytes: store.bytes, values };
  }

  #filter(used: readonly number[]): Uint8Array {
    return bloomFilter(used.map((id) => this.#dictionary.bloomHash(id)));
  }

  /** Puts the places of the values among those that are used into `indices`. @returns the used ones */
  #index(ids: Int32Array, values: Runs): number[] {
    const { length } = this.#dictionary;
    if (this.#places.length < length) this.#places = enlarged(this.#places, this.#places.length, length);
    if (this.#memory.indices.length < values.length) this.#memory.indices = new Int32Array(2 * values.length);
    if (this.#placed > MOST_PLACED) {
      this.#places.fill(0);
      this.#placed = 1;
    }
    const used = placeIds(ids, values, this.#places, this.#placed, this.#memory.indices);
    this.#placed += used.length;
    return used;
  }

  #isWorthIndex(used: readonly number[], count: number): boolean {
    const uses = LEAST_USES[this.#column.leaf.kind === 'text' ? 'text' : 'fixed'];
    return used.length <= 1 || (used.length <= MOST_DIFFERENT && uses * used.length <= count);
  }

  /** The values of the rows, each of them. */
  #filled(column: PieceColumn, values: Runs, used: readonly number[] | undefined): ValueStore {
    const { leaf } = this.#column;
    const store = leaf.kind === 'text' ? this.#memory.text : this.#memory.words[wordsOf(leaf)];
    store.reset();
    if (used === undefined) store.appendRuns(column.values(), values);
    else store.gather(this.#valuesOf(used), this.#memory.indices, 0, values.length);
    return store;
  }

  #valuesOf(used: readonly number[]): PlainValues {
    const { leaf } = this.#column;
    const store: ValueStore = leaf.kind === 'text' ? new TextStore() : new FixedStore(wordsOf(leaf));
    store.gather(this.#dictionary.values(), Int32Array.from(used), 0, used.length);
    return store.values();
  }
}

function* pagesOf(
  column: PieceColumn,
  rows: Runs,
  levels: WrittenLevels,
  { bytes, values }: Pick<EncodedValues, 'bytes' | 'values'>,
): Generator<PageParts> {
  let at = 0;
  for (const own of split(rows, Math.ceil(bytes / PAGE_BYTES))) {
    const { count, encoded, values: inPage } = own === rows ? levels : column.levels(own);
    yield { rows: count, levels: encoded, values: inPage.length === 0 ? [] : values(at, at + inPage.length) };
    at += inPage.length;
  }
}

function placeIds(
  ids: Int32Array,
  { from, to }: Runs,
  places: Int32Array,
  placed: number,
  indices: Int32Array,
): number[] {
  const used: number[] = [];
  let at = 0;
  for (let r = 0; r < from.length; r++) {
    const [start, end] = [from[r]!, to[r]!];
    placeRun(ids, start, end, places, placed, used, indices, at - start);
    at += end - start;
  }
  return used;
}

/** Stands alone, as a loop within a loop would be compiled for each time that it runs long. */
function placeRun(
  ids: Int32Array,
  from: number,
  to: number,
  places: Int32Array,
  placed: number,
  used: number[],
  indices: Int32Array,
  shift: number,
): void {
  for (let i = from; i < to; i++) {
    const id = ids[i]!;
    let place = places[id]! - placed;
    if (place < 0) {
      place = used.push(id) - 1;
      places[id] = placed + place;
    }
    indices[shift + i] = place;
  }
}

function newDictionary(leaf: Leaf): ValueDictionary {
  return leaf.kind === 'text' ? new TextDictionary() : new FixedDictionary(wordsOf(leaf));
}

import type { ColumnData, SharedBuffers } from '@openwit/ports';
import { encodeDeltas32, encodeDeltas64 } from '../leaves/delta-encoder.ts';
import { leafRange, statisticsOf } from '../leaves/leaf-bounds.ts';
import { bits, lengthOfTexts } from '../leaves/value-store.ts';
import type { StoredValues } from './arrow-columns.ts';
import type { ConstantColumns } from './constant-columns.ts';
import { copyBytes, viewOf } from './copy-bytes.ts';
import { encodedRuns, repeated } from './encoded-runs.ts';
import type { SchemaColumn } from './file-schema.ts';
import { chunkMeta, dataHeader, lengthOf, type MadeChunk, type MadeColumns, type RowRange } from './made-chunk.ts';
import { ENCODING } from './metadata-fields.ts';
import { UNCOMPRESSED } from './page-compression.ts';
import type { StoredColumn, StoredType } from './stored-layout.ts';
import type { ThriftStruct } from './thrift.ts';
import { isValid } from './validity.ts';

/** Of text: what a reader holds of a column, and skips at a time. */
const PAGE_BYTES = 256 * 1024;
/** Of a page beside its values: its header, levels that are one run, and a block of deltas that is not full. */
const PAGE_OVERHEAD_BYTES = 512;
/** Row groups have at least as many rows, but for the last. */
const LEAST_GROUP_ROWS = 1000;
/** Of a number of so many bytes with its share of what a block of deltas has. */
const MOST_PACKED = { 4: 4.5, 8: 8.5 } as const;

/** A column that holds single values, one a row, in the order of the rows. */
export type PlainValues = Pick<StoredValues, 'column' | 'values'>;

/** The first row, with no more text than its own. */
export function sampleOf({ column, values }: PlainValues): PlainValues {
  const validity = values.validity === undefined ? {} : { validity: values.validity.slice(0, 1) };
  if (column.type !== 'varchar')
    return { column, values: { length: 1, ...validity, values: values.values!.slice(0, 1) } };
  const { bytes, offsets, indices } = textOf(values);
  const first = indices?.[0] ?? 0;
  const text = bytes.slice(offsets[first], offsets[first + 1]);
  return { column, values: { length: 1, ...validity, offsets: Int32Array.of(0, text.length), values: text } };
}

/** Memory that pages are written to, one behind the other: so they need not be put together for the file. */
export class PageMemory {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  #at = 0;

  constructor(columns: readonly PlainValues[], memory: SharedBuffers) {
    let most = 0;
    for (const { column, values } of columns) most += mostBytes(column, values);
    this.bytes = memory.take(Math.ceil(most));
  }

  take(length: number): Uint8Array {
    // More than was reckoned with is put together after all.
    if (this.#at + length > this.bytes.length) return new Uint8Array(length);
    return this.bytes.subarray(this.#at, (this.#at += length));
  }
}

/**
 * Columns that are encoded to where the file is, without a writer between: it would take each value twice through memory of its
 * own.
 */
export class PlainColumns implements MadeColumns {
  readonly #sample: ConstantColumns;
  readonly #columns: ReadonlyMap<string, PlainColumn>;

  /** @param sample one row of the columns: it tells their types */
  constructor(sample: ConstantColumns, columns: readonly PlainValues[], memory: PageMemory) {
    this.#sample = sample;
    const work = new Work();
    this.#columns = new Map(
      columns.map((own) => [own.column.name, new PlainColumn(sample.leaf(own.column.name), own, memory, work)]),
    );
  }

  get columns(): readonly SchemaColumn[] {
    return this.#sample.columns;
  }

  chunks(name: string, rows: RowRange): readonly MadeChunk[] {
    return [this.#columns.get(name)!.chunk(rows)];
  }
}

/** Memory for one chunk after the other. */
class Work {
  starts: Int32Array = new Int32Array(0);
  lengths: Int32Array = new Int32Array(0);
  levels: Int32Array = new Int32Array(0);
  words: Int32Array = new Int32Array(0);

  reserve(rows: number): this {
    if (rows > this.starts.length) {
      this.starts = new Int32Array(rows);
      this.lengths = new Int32Array(rows);
      this.levels = new Int32Array(rows);
      this.words = new Int32Array(2 * rows);
    }
    return this;
  }
}

class PlainColumn {
  readonly #leaf: ThriftStruct;
  readonly #column: StoredColumn;
  readonly #values: ColumnData;
  readonly #memory: PageMemory;
  readonly #work: Work;

  /** @param leaf the metadata of any chunk of the column */
  constructor(leaf: ThriftStruct, { column, values }: PlainValues, memory: PageMemory, work: Work) {
    this.#work = work;
    this.#leaf = leaf;
    this.#column = column;
    this.#values = values;
    this.#memory = memory;
  }

  chunk({ from, count }: RowRange): MadeChunk {
    const { pages, encoding, statistics } =
      this.#column.type === 'varchar' ? this.#texts(from, from + count) : this.#numbers(from, from + count);
    const bytes = pages.reduce((sum, page) => sum + page.length, 0);
    const sizes = { uncompressed: bytes, compressed: bytes };
    const meta = chunkMeta(this.#leaf, { rows: count, encoding, codec: UNCOMPRESSED.id, sizes, statistics });
    return { pages, hasDictionary: false, meta };
  }

  #texts(from: number, to: number): EncodedPages {
    const { validity } = this.#values;
    const { bytes, offsets, indices } = textOf(this.#values);
    const source = viewOf(bytes);
    const { starts, lengths } = this.#work.reserve(to - from);
    const count = placeTexts(offsets, indices, validity, from, to, starts, lengths);
    const pages: Uint8Array[] = [];
    for (let row = from, value = 0; row < to; ) {
      const end = pageEnd(lengths, validity, row, to, value);
      const present = lengths.subarray(value, value + end.values);
      const head = [...this.#levels(row, end.row), encodeDeltas32(present)];
      const page = this.#page(end.row - row, ENCODING.deltaLengthByteArray, head, end.bytes);
      copyTexts(source, starts, lengths, value, value + end.values, viewOf(page), page.length - end.bytes);
      pages.push(page);
      row = end.row;
      value += end.values;
    }
    return { pages, encoding: ENCODING.deltaLengthByteArray, statistics: statisticsOf(to - from - count, undefined) };
  }

  #numbers(from: number, to: number): EncodedPages {
    const { type } = this.#column;
    const words = presentWords(this.#values, from, to, this.#work.reserve(to - from).words);
    const length = words.length / (WIDE.includes(type) ? 2 : 1);
    const { bounds, containsNan } = leafRange(type, { kind: 'fixed', length, words });
    const { encoding, bytes } = encoded(type, words);
    const page = this.#page(to - from, encoding, [...this.#levels(from, to), bytes], 0);
    return { pages: [page], encoding, statistics: statisticsOf(to - from - length, containsNan ? undefined : bounds) };
  }

  /** A page that ends with room for what is not in its parts. */
  #page(rows: number, encoding: number, parts: readonly Uint8Array[], room: number): Uint8Array {
    const length = parts.reduce((sum, part) => sum + part.length, room);
    const header = dataHeader(rows, encoding, { uncompressed: length, compressed: length });
    const page = this.#memory.take(header.length + length);
    let at = 0;
    for (const part of [header, ...parts]) {
      page.set(part, at);
      at += part.length;
    }
    return page;
  }

  #levels(from: number, to: number): Uint8Array[] {
    if (!this.#column.nullable) return [];
    const { validity } = this.#values;
    const runs = validity === undefined ? repeated(1, to - from) : this.#presence(validity, from, to);
    return [lengthOf(runs), runs];
  }

  #presence(validity: Uint8Array, from: number, to: number): Uint8Array {
    const { levels } = this.#work.reserve(to - from);
    putLevels(validity, from, to, levels);
    return encodedRuns(levels, to - from, 1);
  }
}

function putLevels(validity: Uint8Array, from: number, to: number, levels: Int32Array): void {
  for (let i = from; i < to; i++) levels[i - from] = isValid(validity, i) ? 1 : 0;
}

interface EncodedPages {
  readonly pages: readonly Uint8Array[];
  readonly encoding: number;
  readonly statistics: ThriftStruct;
}

const WIDE: readonly StoredType[] = ['timestamp_ns', 'int64', 'uint64', 'float64'];

/** What the pages of a column take at the most. */
function mostBytes({ type, nullable }: StoredColumn, values: ColumnData): number {
  const { length } = values;
  const overhead = PAGE_OVERHEAD_BYTES * (2 + length / LEAST_GROUP_ROWS) + (nullable ? length / 4 : 0);
  if (type !== 'varchar') return overhead + MOST_PACKED[WIDE.includes(type) ? 8 : 4] * length;
  const bytes = bytesOfTexts(values);
  return overhead + bytes + MOST_PACKED[4] * length + (bytes / PAGE_BYTES) * PAGE_OVERHEAD_BYTES;
}

/** Text as it lies in its source: where there are indices, value `i` is text `indices[i]`. */
interface Texts {
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
  readonly indices: Int32Array | undefined;
}

function textOf({ indices, dictionary, offsets, values }: ColumnData): Texts {
  if (dictionary === undefined) return { bytes: values as Uint8Array, offsets: offsets!, indices: undefined };
  const inner = textOf(dictionary);
  const own = inner.indices === undefined ? indices! : indices!.map((index) => inner.indices![index]!);
  return { ...inner, indices: own };
}

function bytesOfTexts(values: ColumnData): number {
  const { offsets, indices } = textOf(values);
  return indices === undefined
    ? offsets[values.length]! - offsets[0]!
    : lengthOfTexts(offsets, indices, 0, values.length);
}

/** Of the rows that have a text, where it begins and how long it is. @returns how many there are */
function placeTexts(
  offsets: Int32Array,
  indices: Int32Array | undefined,
  validity: Uint8Array | undefined,
  from: number,
  to: number,
  starts: Int32Array,
  lengths: Int32Array,
): number {
  let count = 0;
  for (let i = from; i < to; i++) {
    if (!isValid(validity, i)) continue;
    const index = indices === undefined ? i : indices[i]!;
    starts[count] = offsets[index]!;
    lengths[count++] = offsets[index + 1]! - offsets[index]!;
  }
  return count;
}

interface PageEnd {
  readonly row: number;
  readonly values: number;
  readonly bytes: number;
}

function pageEnd(
  lengths: Int32Array,
  validity: Uint8Array | undefined,
  from: number,
  to: number,
  value: number,
): PageEnd {
  let bytes = 0;
  let values = 0;
  let row = from;
  for (; row < to && bytes < PAGE_BYTES; row++) if (isValid(validity, row)) bytes += lengths[value + values++]!;
  return { row, values, bytes };
}

function copyTexts(
  source: DataView,
  starts: Int32Array,
  lengths: Int32Array,
  from: number,
  to: number,
  target: DataView,
  start: number,
): void {
  let at = start;
  for (let i = from; i < to; i++) {
    copyBytes(source, starts[i]!, lengths[i]!, target, at);
    at += lengths[i]!;
  }
}

/** The values that are there, as words of 32 bits; of a boolean 0 or 1. */
function presentWords({ values, validity }: ColumnData, from: number, to: number, work: Int32Array): Int32Array {
  const { buffer, byteOffset, BYTES_PER_ELEMENT } = values!;
  if (BYTES_PER_ELEMENT === 1) return work.subarray(0, presentBytes(values as Uint8Array, validity, from, to, work));
  const width = BYTES_PER_ELEMENT / 4;
  const words = new Int32Array(buffer, byteOffset + from * BYTES_PER_ELEMENT, (to - from) * width);
  return validity === undefined ? words : work.subarray(0, compact(words, width, validity, from, work));
}

/** @returns how many words are in `target` then */
function presentBytes(
  bytes: Uint8Array,
  validity: Uint8Array | undefined,
  from: number,
  to: number,
  target: Int32Array,
): number {
  let at = 0;
  for (let i = from; i < to; i++) if (isValid(validity, i)) target[at++] = bytes[i]!;
  return at;
}

/** @returns how many words are in `target` then */
function compact(words: Int32Array, width: number, validity: Uint8Array, from: number, target: Int32Array): number {
  let at = 0;
  for (let i = 0; i < words.length; i++)
    if (isValid(validity, from + (width === 2 ? i >> 1 : i))) target[at++] = words[i]!;
  return at;
}

function encoded(type: StoredType, words: Int32Array): { readonly encoding: number; readonly bytes: Uint8Array } {
  switch (type) {
    case 'float64':
      return { encoding: ENCODING.plain, bytes: new Uint8Array(words.buffer, words.byteOffset, words.byteLength) };
    case 'boolean':
      return { encoding: ENCODING.plain, bytes: bits(words) };
    case 'int32':
    case 'uint32':
      return { encoding: ENCODING.deltaBinaryPacked, bytes: encodeDeltas32(words) };
    default:
      return { encoding: ENCODING.deltaBinaryPacked, bytes: encodeDeltas64(words) };
  }
}

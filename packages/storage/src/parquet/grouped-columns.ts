import type { ColumnData, ColumnValues } from '@openwit/ports';
import { statisticsOf } from '../leaves/leaf-bounds.ts';
import type { ConstantColumns } from './constant-columns.ts';
import { bitsFor, encodedRuns, repeated } from './encoded-runs.ts';
import type { SchemaColumn } from './file-schema.ts';
import { lengthOf, type MadeChunk, type MadeColumns, madeChunk, type RowRange } from './made-chunk.ts';
import { ELEMENT, REPETITION } from './metadata-fields.ts';
import { integer, type ThriftStruct } from './thrift.ts';
import { isValid } from './validity.ts';

/** A column whose rows share a few values: row `i` has value `rows[i]`. */
export interface GroupedValues {
  /** Text, 32-bit or 64-bit integers. */
  readonly values: ColumnData;
  readonly rows: Int32Array;
}

/**
 * Columns of which the values are known by group, made of a dictionary and indices: no text is copied or looked up row by row,
 * since what a general writer has to find out, the batch knows.
 */
export class GroupedColumns implements MadeColumns {
  readonly #constant: ConstantColumns;
  readonly #columns = new Map<string, GroupedColumn>();

  /** @param constant has the other columns, and of these one row: it tells their types */
  constructor(constant: ConstantColumns, grouped: ReadonlyMap<string, GroupedValues>) {
    this.#constant = constant;
    const work = new Work();
    for (const { name, elements } of constant.columns) {
      const values = grouped.get(name);
      if (values === undefined) continue;
      const isNullable = integer(elements[0]!, ELEMENT.repetition) === REPETITION.optional;
      this.#columns.set(name, new GroupedColumn(constant.leaf(name), isNullable, values, work));
    }
  }

  get columns(): readonly SchemaColumn[] {
    return this.#constant.columns;
  }

  chunks(name: string, rows: RowRange): readonly MadeChunk[] {
    const column = this.#columns.get(name);
    return column === undefined ? this.#constant.chunks(name, rows) : [column.chunk(rows)];
  }
}

/** Memory for one chunk after the other. */
class Work {
  indices: Int32Array = new Int32Array(0);
  levels: Int32Array = new Int32Array(0);
  /** Of each value its index, or UNSEEN. */
  places: Int32Array = new Int32Array(0);

  reserve(rows: number, values: number): void {
    if (rows > this.indices.length) {
      this.indices = new Int32Array(rows);
      this.levels = new Int32Array(rows);
    }
    if (values > this.places.length) this.places = new Int32Array(values);
    this.places.fill(UNSEEN);
  }
}

const NULL = -1;
const UNSEEN = -1;
/** Longer texts have no statistics. */
const MOST_BOUND_BYTES = 64;

class GroupedColumn {
  readonly #leaf: ThriftStruct;
  readonly #isNullable: boolean;
  readonly #rows: Int32Array;
  readonly #work: Work;
  readonly #values: FewValues;

  constructor(leaf: ThriftStruct, isNullable: boolean, { values, rows }: GroupedValues, work: Work) {
    this.#leaf = leaf;
    this.#isNullable = isNullable;
    this.#rows = rows;
    this.#work = work;
    this.#values = new FewValues(values);
  }

  chunk({ from, count }: RowRange): MadeChunk {
    const { first } = this.#values;
    this.#work.reserve(count, first.length);
    const { indices, places } = this.#work;
    const used: number[] = [];
    const values = this.#rows.subarray(from, from + count);
    const present = indexValues(values, first, places, used, indices);
    const width = bitsFor(used.length);
    return madeChunk(this.#leaf, {
      pages: [
        {
          rows: count,
          levels: this.#isNullable ? [present === count ? repeated(1, count) : this.#levels(values)] : [],
          values: used.length === 0 ? [] : [Buffer.of(width), encodedRuns(indices, present, width)],
        },
      ],
      ...(used.length === 0 ? {} : { dictionary: { count: used.length, body: this.#values.plain(used) } }),
      statistics: statisticsOf(count - present, this.#values.bounds(used)),
    });
  }

  #levels(values: Int32Array): Uint8Array {
    const { levels } = this.#work;
    const { first } = this.#values;
    for (let i = 0; i < values.length; i++) levels[i] = first[values[i]!] === NULL ? 0 : 1;
    return encodedRuns(levels, values.length, 1);
  }
}

/**
 * Puts the index of each row's value among those that are used into `indices`, nulls left out. The loop stands alone:
 * a function that goes on behind a long one is compiled anew while it runs, and knows nothing yet of what follows.
 * @returns how many there are
 */
function indexValues(
  values: Int32Array,
  first: Int32Array,
  places: Int32Array,
  used: number[],
  indices: Int32Array,
): number {
  let present = 0;
  for (let i = 0; i < values.length; i++) {
    const value = first[values[i]!]!;
    if (value === NULL) continue;
    if (places[value] === UNSEEN) places[value] = used.push(value) - 1;
    indices[present++] = places[value]!;
  }
  return present;
}

/** The values of a column, each as Parquet's PLAIN has it but for the length of a text. */
class FewValues {
  /** For each value the first that is the same, or NULL. */
  readonly first: Int32Array;
  readonly #bytes: readonly Buffer[];
  /** Absent for text, which is in the order of its bytes. */
  readonly #numbers: ColumnValues | undefined;

  constructor(column: ColumnData) {
    this.#numbers = column.values !== undefined && column.offsets === undefined ? column.values : undefined;
    this.#bytes = Array.from({ length: column.length }, (_, i) => bytesAt(column, i));
    const known = new Map<string, number>();
    this.first = Int32Array.from(this.#bytes, (bytes, i) => {
      if (!isValid(column.validity, i)) return NULL;
      const text = bytes.toString('latin1');
      const first = known.get(text) ?? i;
      known.set(text, first);
      return first;
    });
  }

  plain(values: readonly number[]): Uint8Array {
    const parts = values.map((value) => this.#bytes[value]!);
    if (this.#numbers !== undefined) return Buffer.concat(parts);
    return Buffer.concat(parts.flatMap((text) => [lengthOf(text), text]));
  }

  bounds(values: readonly number[]): { readonly min: Uint8Array; readonly max: Uint8Array } | undefined {
    if (values.length === 0) return undefined;
    const min = this.#bytes[values.reduce((a, b) => (this.#isLess(b, a) ? b : a))]!;
    const max = this.#bytes[values.reduce((a, b) => (this.#isLess(a, b) ? b : a))]!;
    return Math.max(min.length, max.length) > MOST_BOUND_BYTES ? undefined : { min, max };
  }

  #isLess(a: number, b: number): boolean {
    const numbers = this.#numbers;
    if (numbers !== undefined) return numbers[a]! < numbers[b]!;
    return Buffer.compare(this.#bytes[a]!, this.#bytes[b]!) < 0;
  }
}

function bytesAt({ values, offsets, indices, dictionary }: ColumnData, i: number): Buffer {
  if (dictionary !== undefined) return bytesAt(dictionary, indices![i]!);
  const { buffer, byteOffset, BYTES_PER_ELEMENT } = values!;
  const [start, end] =
    offsets === undefined ? [i * BYTES_PER_ELEMENT, (i + 1) * BYTES_PER_ELEMENT] : [offsets[i]!, offsets[i + 1]!];
  return Buffer.from(buffer as ArrayBuffer, byteOffset + start, end - start);
}

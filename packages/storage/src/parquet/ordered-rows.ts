import type { ColumnData } from '@openwit/ports';
import type { RowGroup, StoredValues } from './arrow-columns.ts';
import { isConstant } from './constant-values.ts';
import { gather } from './gather.ts';
import type { Scratch } from './scratch.ts';
import type { StoredColumn, StoredType } from './stored-layout.ts';

type OrderedValues = Omit<StoredValues, 'column'>;

/** A group, with where the values that it has lie in a column of the batch. */
interface UsedGroup extends RowGroup {
  readonly used: Int32Array;
}

/** The rows of a batch in the order of a file: a value a row, one where all rows have the same, or those of a group. */
export class OrderedRows {
  readonly #order: Int32Array;
  readonly #memory: Scratch;
  /** The columns of one group share their indices. */
  readonly #groups = new Map<Int32Array, UsedGroup>();

  constructor(order: Int32Array, memory: Scratch) {
    this.#order = order;
    this.#memory = memory;
  }

  /** @param values one a row */
  own(column: StoredColumn, values: ColumnData): OrderedValues {
    // A file has one column at least that is written row by row.
    const isOne = column.name !== 'timestamp' && isConstant(column, values);
    return { values: gather(values, isOne ? this.#order.subarray(0, 1) : this.#order, this.#memory) };
  }

  /** @param indices of a row's value among the values */
  grouped(column: StoredColumn, values: ColumnData, indices: Int32Array): OrderedValues {
    let group = this.#groups.get(indices);
    if (group === undefined) this.#groups.set(indices, (group = this.#group(indices, values.length)));
    const used = gather(values, group.used, this.#memory);
    if (isConstant(column, used)) return { values: gather(values, group.used.subarray(0, 1), this.#memory) };
    if (HAVE_DICTIONARIES.includes(column.type)) return { values: used, group };
    return { values: gather(used, group.placeOf, this.#memory) };
  }

  /** Only the values that some row has, the first first. */
  #group(indices: Int32Array, count: number): UsedGroup {
    const places = this.#memory.int32(count).fill(UNSEEN);
    const used = this.#memory.int32(count);
    const rows = this.#memory.int32(count);
    const placeOf = this.#memory.int32(this.#order.length);
    let seen = 0;
    for (let i = 0; i < placeOf.length; i++) {
      const index = indices[this.#order[i]!]!;
      if (places[index] === UNSEEN) {
        used[seen] = index;
        places[index] = seen++;
      }
      const place = places[index]!;
      placeOf[i] = place;
      rows[place]!++;
    }
    return { used: used.subarray(0, seen), rows: rows.subarray(0, seen), placeOf };
  }
}

const UNSEEN = -1;

/** Parquet has none for booleans; floats, of which zeros and NaNs have no order, and what is nested, are not worth one. */
const HAVE_DICTIONARIES: readonly StoredType[] = ['varchar', 'int64', 'uint64', 'int32', 'uint32', 'timestamp_ns'];

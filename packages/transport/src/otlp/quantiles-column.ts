import type { BatchMemory } from './batch-memory.ts';
import { ColumnSet } from './column-set.ts';
import { Int64 } from './fields.ts';
import { Int64Column } from './fixed-columns.ts';
import { ListColumn } from './list-column.ts';
import type { WireReader } from './wire.ts';

const EXPECTED_QUANTILES = 64;

/** The quantiles of the summary points. */
export class QuantilesColumn extends ListColumn {
  readonly #quantile: Int64Column;
  readonly #value: Int64Column;
  readonly #quantileBits: Int64 = new Int64();
  readonly #valueBits: Int64 = new Int64();

  constructor(memory: BatchMemory, capacity: number) {
    const quantile = new Int64Column(memory, EXPECTED_QUANTILES, 'float64');
    const value = new Int64Column(memory, EXPECTED_QUANTILES, 'float64');
    super(memory, capacity, new ColumnSet(EXPECTED_QUANTILES, [quantile, value]), 'structs');
    this.#quantile = quantile;
    this.#value = value;
  }

  /** Reads one length-delimited ValueAtQuantile into the row that is being written. */
  read(reader: WireReader): void {
    const outer = reader.enter();
    const item = this.items.nextRow();
    this.#quantileBits.clear();
    this.#valueBits.clear();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x09) this.#quantileBits.readFixed(reader);
      else if (tag === 0x11) this.#valueBits.readFixed(reader);
      else reader.skip(tag);
    }
    this.#quantile.set(item, this.#quantileBits.lo, this.#quantileBits.hi);
    this.#value.set(item, this.#valueBits.lo, this.#valueBits.hi);
    this.items.length = item + 1;
    reader.leave(outer);
  }
}

import type { BatchMemory } from './batch-memory.ts';
import { ColumnSet } from './column-set.ts';
import { Int64Column } from './fixed-columns.ts';
import { ListColumn } from './list-column.ts';
import type { WireReader } from './wire.ts';

const EXPECTED_NUMBERS = 256;

/** A list of 64-bit numbers; proto3 senders pack them, older ones may not, and both may come in one message. */
export class NumberListColumn extends ListColumn {
  readonly #numbers: Int64Column;

  constructor(memory: BatchMemory, capacity: number, type: 'uint64' | 'float64') {
    const numbers = new Int64Column(memory, EXPECTED_NUMBERS, type);
    super(memory, capacity, new ColumnSet(EXPECTED_NUMBERS, [numbers]), 'scalars');
    this.#numbers = numbers;
  }

  readFixed(reader: WireReader): void {
    reader.fixed64();
    this.#add(reader.lo, reader.hi);
  }

  readPackedFixed(reader: WireReader): void {
    const outer = reader.enter();
    while (reader.at < reader.end) this.readFixed(reader);
    reader.leave(outer);
  }

  readVarint(reader: WireReader): void {
    reader.varint();
    this.#add(reader.lo, reader.hi);
  }

  readPackedVarint(reader: WireReader): void {
    const outer = reader.enter();
    while (reader.at < reader.end) this.readVarint(reader);
    reader.leave(outer);
  }

  #add(lo: number, hi: number): void {
    const item = this.items.nextRow();
    this.#numbers.set(item, lo, hi);
    this.items.length = item + 1;
  }
}

import type { ColumnData } from '@openwit/ports';
import type { BatchMemory } from './batch-memory.ts';
import type { Column, ColumnSet } from './column-set.ts';

/** A list of structs, or of scalars when there is one column. What the items gained since the last {@link end} is the row's list. */
export class ListColumn implements Column {
  readonly items: ColumnSet;
  readonly #memory: BatchMemory;
  readonly #kind: 'structs' | 'scalars';
  #offsets: Int32Array;

  constructor(memory: BatchMemory, capacity: number, items: ColumnSet, kind: 'structs' | 'scalars') {
    this.items = items;
    this.#memory = memory;
    this.#kind = kind;
    this.#offsets = new Int32Array(memory.allocate((capacity + 1) * 4));
  }

  end(row: number): void {
    this.#offsets[row + 1] = this.items.length;
  }

  /** Items of the row that is being written. */
  itemsIn(row: number): number {
    return this.items.length - this.#offsets[row]!;
  }

  grow(capacity: number): void {
    this.#offsets = new Int32Array(this.#memory.grow(this.#offsets.buffer, (capacity + 1) * 4));
  }

  truncate(rows: number): void {
    this.items.truncate(this.#offsets[rows]!);
  }

  data(length: number): ColumnData {
    const { length: items, columns } = this.items;
    const children = columns.map((column) => column.data(items));
    const element = this.#kind === 'scalars' ? children[0]! : { length: items, children };
    return { length, offsets: this.#offsets, children: [element] };
  }

  byteLength(rows: number): number {
    return (rows + 1) * 4 + this.items.byteLength();
  }
}

import type { ColumnData } from '@openwit/ports';
import { BatchFull } from './batch-memory.ts';

/** A column of a batch that is being written. It is written row by row, at the row that its set has come to. */
export interface Column {
  /** Makes room for `capacity` rows. */
  grow(capacity: number): void;
  /** Forgets what was written at row `rows` and after it. */
  truncate(rows: number): void;
  /** The first `rows` rows, over the buffers themselves. */
  data(rows: number): ColumnData;
  /** Bytes that the first `rows` rows use, children included. */
  byteLength(rows: number): number;
}

/** Columns of the same length. They grow together, so that a row costs one check of the capacity. */
export class ColumnSet {
  /** Complete rows. */
  length = 0;
  capacity: number;
  /** Rows that the set may have. */
  limit: number = Number.POSITIVE_INFINITY;
  readonly columns: readonly Column[];

  constructor(capacity: number, columns: readonly Column[]) {
    this.capacity = capacity;
    this.columns = columns;
  }

  /** The row to write next; it counts when {@link length} is set behind it. @throws BatchFull */
  nextRow(): number {
    if (this.length >= this.limit) throw new BatchFull('too many records');
    if (this.length === this.capacity) this.#grow();
    return this.length;
  }

  #grow(): void {
    const capacity = this.capacity * 2;
    for (const column of this.columns) column.grow(capacity);
    this.capacity = capacity;
  }

  /** Also undoes a row that was begun and not completed. */
  truncate(rows: number): void {
    for (const column of this.columns) column.truncate(rows);
    this.length = rows;
  }

  byteLength(): number {
    let bytes = 0;
    for (const column of this.columns) bytes += column.byteLength(this.length);
    return bytes;
  }
}

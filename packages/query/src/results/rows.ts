import type duckdb from '@duckdb/node-bindings';
import type { ColumnBuffers } from './column-buffers.ts';

/** Which rows of a vector are read: a range, or a list of them where a nested vector's are not in order. */
export class Rows {
  readonly start: number;
  readonly count: number;
  readonly indices: Int32Array | undefined;
  /** Behind the last row that is read. */
  readonly end: number;

  constructor(start: number, count: number, indices?: Int32Array) {
    this.start = start;
    this.count = count;
    this.indices = indices;
    this.end = indices === undefined ? start + count : indices.reduce((end, row) => Math.max(end, row + 1), 0);
  }

  at(i: number): number {
    return this.indices === undefined ? this.start + i : this.indices[i]!;
  }

  forEach(visit: (row: number) => void): void {
    for (let i = 0; i < this.count; i++) visit(this.at(i));
  }

  every(test: (row: number) => boolean): boolean {
    for (let i = 0; i < this.count; i++) if (!test(this.at(i))) return false;
    return true;
  }
}

/** Collects a column out of DuckDB's vectors, chunk by chunk. */
export interface VectorReader {
  append(vector: duckdb.Vector, rows: Rows): void;
  /** What was appended since the last time. */
  take(): ColumnBuffers;
  /** About the bytes that wait to be taken. */
  readonly bytes: number;
}

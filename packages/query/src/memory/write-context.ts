import type duckdb from '@duckdb/node-bindings';
import type { Scratch } from './scratch.ts';
import type { StringWriter } from './string-writer.ts';

/** What the writers of a scan share. */
export interface WriteContext {
  readonly strings: StringWriter;
  readonly scratch: Scratch;
}

/** Writes rows `from` to `from + count` of a batch's column into a vector. */
export type ChunkWriter = (vector: duckdb.Vector, from: number, count: number) => void;

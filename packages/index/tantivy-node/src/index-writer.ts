import { addon, type FinishedIndex, type NativeIndexWriter, type Utf8Column } from './addon.ts';
import type { Analyser } from './query.ts';
import { native, nativeSync } from './tantivy-error.ts';

export interface FieldOptions {
  readonly name: string;
  readonly analyser: Analyser;
  /** Whether phrases are found without reading rows, for about a byte more a word. Default: false for `raw`, else true. */
  readonly positions?: boolean;
}

export interface IndexWriterOptions {
  readonly fields: readonly FieldOptions[];
  /** Rows that are gathered at a time at the most. Default 1,048,576. */
  readonly segmentRows?: number;
  /** Memory that gathered rows take before they are written, in bytes. Default 128 MiB. */
  readonly segmentMemoryBytes?: number;
}

/** Makes an index, which is one file, of rows in their order. */
export class IndexWriter {
  readonly #native: NativeIndexWriter;
  readonly #fields: number;

  /** @throws TantivyError `unavailable`, `invalid`, `io` */
  constructor(path: string, options: IndexWriterOptions) {
    const { fields, segmentRows = 2 ** 20, segmentMemoryBytes = 128 * 1024 * 1024 } = options;
    const all = fields.map(({ name, analyser, positions = analyser !== 'raw' }) => ({ name, analyser, positions }));
    const { NativeIndexWriter } = addon();
    this.#native = nativeSync(() => new NativeIndexWriter(path, JSON.stringify(all), segmentRows, segmentMemoryBytes));
    this.#fields = fields.length;
  }

  /**
   * Adds rows behind those that are there, in a thread of libuv. The columns are copied before it returns, and are in the order of
   * the fields; one that is missing has no value in any of the rows.
   * @throws TantivyError `invalid`, `io`; the index cannot be finished then
   */
  add(rows: number, columns: readonly (Utf8Column | undefined)[]): Promise<void> {
    const given = Array.from({ length: this.#fields }, (_, i) => columns[i] ?? null);
    return native(() => this.#native.add(rows, given));
  }

  /**
   * Writes what is left. The file is whole then, but not durable.
   * @param added bytes that are kept in the file, in front of its end; copied before it returns. Default: none
   * @throws TantivyError `io`
   */
  finish(added: Uint8Array = new Uint8Array(0)): Promise<FinishedIndex> {
    return native(() => this.#native.finish(added));
  }
}

import { addon, type NativeCancellation, type NativeIndexReader } from './addon.ts';
import type { FieldOptions } from './index-writer.ts';
import type { Query } from './query.ts';
import { type ByteRange, native } from './tantivy-error.ts';

export interface OpenOptions {
  /** Of the index, in bytes, where something else follows it in its file. Default: all of the file. */
  readonly length?: number;
  /**
   * What is here of a file that is of its full size but has holes: byte ranges, ascending. What a search needs beside them is told by
   * the error `missing`. Default: all.
   */
  readonly present?: readonly ByteRange[];
}

/** Row numbers, ascending. */
export interface FoundRows {
  /** Rows that match. */
  readonly sure: Uint32Array;
  /** Rows that may match beside them: whether they do shows only in the rows themselves. No other row matches. */
  readonly check: Uint32Array;
}

/** An index that is searched. Its file must stay, and is not held open between searches. */
export class IndexReader {
  readonly #native: NativeIndexReader;
  readonly rows: number;
  readonly fields: readonly FieldOptions[];

  /** @throws TantivyError `unavailable`, `io`, `damaged`, `missing` */
  static async open(path: string, { length, present }: OpenOptions = {}): Promise<IndexReader> {
    const { NativeIndexReader } = addon();
    const ranges = present && Float64Array.from(present.flat());
    return new IndexReader(await native(() => NativeIndexReader.open(path, length, ranges)));
  }

  private constructor(own: NativeIndexReader) {
    this.#native = own;
    this.rows = own.rows;
    this.fields = JSON.parse(own.fields) as FieldOptions[];
  }

  /** In a thread of libuv. @throws TantivyError `invalid`, `limit`, `damaged`, `missing`, `io`; the reason of the signal */
  search(query: Query, signal?: AbortSignal): Promise<FoundRows> {
    return cancellable(signal, (cancellation) => this.#native.search(JSON.stringify(query), cancellation));
  }

  /** How many rows match; undefined when that shows only in rows. @throws as {@link search} */
  async count(query: Query, signal?: AbortSignal): Promise<number | undefined> {
    const count = await cancellable(signal, (cancellation) => this.#native.count(JSON.stringify(query), cancellation));
    return count < 0 ? undefined : count;
  }
}

async function cancellable<T>(
  signal: AbortSignal | undefined,
  call: (cancellation?: NativeCancellation) => Promise<T>,
): Promise<T> {
  if (signal === undefined) return native(() => call());
  signal.throwIfAborted();
  const cancellation = new (addon().NativeCancellation)();
  const cancel = () => cancellation.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await native(() => call(cancellation));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

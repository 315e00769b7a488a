import { setImmediate } from 'node:timers/promises';
import type { OpenWitError } from '@openwit/ports';
import { type RecordBatch, type Schema, Table } from 'apache-arrow';
import type { FromWorker } from './engine/protocol.ts';
import { arrowBatch, arrowSchema, type ResultColumn } from './results/arrow-batch.ts';
import { byteSize } from './results/column-buffers.ts';
import { rowObjects } from './results/row-values.ts';

/** What a query has read and given so far; all of it once the result has ended. */
export interface QueryStats {
  /** Rows and record batches of the result that were received. */
  readonly rows: number;
  readonly batches: number;
  /** Their bytes in Arrow's form. */
  readonly bytes: number;
  /** Data files that may hold rows in the query's time range, and those that were left out. */
  readonly filesRead: number;
  readonly filesSkipped: number;
  /** Rows of the tables in memory. */
  readonly memoryRows: number;
  /** Since the call of `query()`, in milliseconds; until the end of the result, or now. */
  readonly elapsedMs: number;
}

type SchemaMessage = Extract<FromWorker, { kind: 'schema' }>;
type BatchMessage = Extract<FromWorker, { kind: 'batch' }>;

/** The side of a result that the engine feeds. */
export interface ResultFeed {
  readonly result: QueryResult;
  batch(message: BatchMessage): void;
  end(): void;
  fail(error: OpenWitError): void;
}

/** What a result asks of the engine. */
export interface ResultControl {
  /** A batch was taken: another may come. */
  next(): void;
  cancel(): void;
  elapsedMs(): number;
}

/**
 * The result of a query: record batches as DuckDB makes them. Read it once, in one way: iterate, `toArrow()` or `rows()`.
 * A result that nobody reads holds its snapshot until the query's timeout; `cancel()` what you don't want. Breaking out of
 * the iteration cancels. @throws what the query throws: QUERY_CANCELLED, QUERY_TIMEOUT, QUERY_LIMIT, QUERY_INVALID
 */
export class QueryResult implements AsyncIterable<RecordBatch>, AsyncDisposable {
  readonly columns: readonly ResultColumn[];
  readonly schema: Schema;
  readonly #control: ResultControl;
  readonly #read: Pick<QueryStats, 'filesRead' | 'filesSkipped' | 'memoryRows'>;
  #received = { rows: 0, batches: 0, bytes: 0 };
  #elapsedMs: number | undefined;
  #waiting: RecordBatch[] = [];
  #ended: { readonly error?: OpenWitError } | undefined;
  #wake: (() => void) | undefined;

  private constructor(message: SchemaMessage, control: ResultControl) {
    this.columns = message.columns;
    this.schema = arrowSchema(message.columns, message.types);
    this.#read = message.stats;
    this.#control = control;
  }

  /** For the engine. */
  static feed(message: SchemaMessage, control: ResultControl): ResultFeed {
    const result = new QueryResult(message, control);
    return {
      result,
      batch: (batch) => result.#push(batch),
      end: () => result.#end({}),
      fail: (error) => result.#end({ error }),
    };
  }

  get stats(): QueryStats {
    return { ...this.#received, ...this.#read, elapsedMs: this.#elapsedMs ?? this.#control.elapsedMs() };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RecordBatch, void, undefined> {
    try {
      for (;;) {
        // An error does not wait for what was read before it.
        if (this.#ended?.error !== undefined) throw this.#ended.error;
        const batch = this.#waiting.shift();
        if (batch !== undefined) {
          // Messages of the worker would be taken one after another, for as long as it sends: let the loop go round.
          await setImmediate();
          this.#control.next();
          yield batch;
        } else if (this.#ended !== undefined) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.cancel();
    }
  }

  /** The whole result. */
  async toArrow(): Promise<Table> {
    return new Table(this.schema, await allOf(this));
  }

  /**
   * The whole result as objects. 64-bit and larger integers are bigint; timestamps are bigint nanoseconds since the epoch
   * whatever their unit; dates, times and decimals are text; blobs Uint8Array; lists arrays; structs and maps plain objects.
   */
  async rows(): Promise<Record<string, unknown>[]> {
    const rows: Record<string, unknown>[] = [];
    for await (const batch of this) for (const row of rowObjects(batch)) rows.push(row);
    return rows;
  }

  /** Stops the query; whoever reads gets QUERY_CANCELLED. After the end it does nothing. */
  cancel(): void {
    if (this.#ended === undefined) this.#control.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
  }

  #push({ rows, columns }: BatchMessage): void {
    if (this.#ended !== undefined) return;
    this.#received = {
      rows: this.#received.rows + rows,
      batches: this.#received.batches + 1,
      bytes: this.#received.bytes + byteSize(columns),
    };
    this.#waiting.push(arrowBatch(this.schema, rows, columns));
    this.#wake?.();
  }

  #end(how: { readonly error?: OpenWitError }): void {
    if (this.#ended !== undefined) return;
    this.#ended = how;
    this.#elapsedMs = this.#control.elapsedMs();
    if (how.error !== undefined) this.#waiting = [];
    this.#wake?.();
  }
}

async function allOf(batches: AsyncIterable<RecordBatch>): Promise<RecordBatch[]> {
  const all: RecordBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

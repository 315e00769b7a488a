import { type ColumnData, type EntryCounts, OpenWitError, type Signal } from '@openwit/ports';
import { BatchContext } from './batch-context.ts';
import { BatchFull } from './batch-memory.ts';
import { fieldPathAt } from './field-path.ts';
import { LogDecoder } from './log-decoder.ts';
import { MetricDecoder } from './metric-decoder.ts';
import { Origin } from './origin.ts';
import type { RecordDecoder } from './record-decoder.ts';
import { RequestWalk } from './request-walk.ts';
import { SpanDecoder } from './span-decoder.ts';
import { MalformedWire } from './wire.ts';

/** The most bytes that a batch may use, whatever the limits of a call say: offsets into its text are 32-bit. */
export const MAX_BATCH_BYTES: number = 512 * 1024 * 1024;

/**
 * The most that the resources, scopes and metrics of a batch may take with a value a row: a request of a megabyte can have
 * 50,000 records of a resource that is as long, and a file has it as often.
 */
const MAX_EXPANDED_BYTES = 512 * 1024 * 1024;

const DEFAULT_EXPECTED_ROWS = 1024;

/** OTLP requests of one signal, decoded into columns. */
export interface OtlpBatch {
  readonly signal: Signal;
  readonly rows: number;
  /** Bytes that the columns use. What is allocated for them is up to twice as much. */
  readonly byteLength: number;
  /** Bytes of the buffers, which only grow. */
  readonly capacityBytes: number;
  /**
   * Adds the records of one `Export…ServiceRequest`: all of them but those that break a rule of the specification,
   * or it throws and leaves the batch exactly as it was.
   * @throws invalid / MALFORMED_OTLP with `details.offset` and `details.field`;
   * overloaded / OVERLOADED with `details.reason` (BatchFullReason) when the request would fit an empty batch, perhaps;
   * invalid / REQUEST_TOO_LARGE when this batch has no rows and still the request does not fit
   */
  append(payload: Uint8Array, limits: AppendLimits): AppendResult;
  /** Where the batch is now. */
  mark(): BatchMark;
  /** Goes back to an earlier state of this batch. */
  truncate(mark: BatchMark): void;
  /**
   * The columns in the layout of `TABLES[signal]`, over shared buffers, without a copy. Later appends write behind the
   * rows that are there now, so views stay right for these rows for good.
   */
  columns(): ColumnData[];
  /**
   * Changes when a buffer is replaced by growth. While it stays, earlier {@link columns} serve for later rows, with
   * {@link entryCounts} of then: see `withEntryCounts`.
   */
  readonly generation: number;
  readonly entryCounts: EntryCounts;
}

export interface AppendLimits {
  /** Rows that the batch may have after the call. */
  readonly maxRecords: number;
  /** Bytes that the batch may use after the call. Default: {@link MAX_BATCH_BYTES}. */
  readonly maxBytes?: number;
}

export interface AppendResult {
  readonly accepted: number;
  /** Records that break a rule of the specification and were left out. */
  readonly rejected: number;
  /** Why the first of them was rejected; empty when none was. */
  readonly message: string;
}

/** A state of one batch, to go back to. */
export interface BatchMark extends EntryCounts {
  readonly rows: number;
  readonly expandedBytes: number;
}

export interface OtlpBatchOptions {
  /** Rows that the first buffers have room for: address space, memory only when it is written. Default 1,024. */
  readonly expectedRows?: number;
}

export function createOtlpBatch(signal: Signal, options: OtlpBatchOptions = {}): OtlpBatch {
  return new ColumnBatch(signal, Math.max(16, options.expectedRows ?? DEFAULT_EXPECTED_ROWS));
}

class ColumnBatch implements OtlpBatch {
  readonly signal: Signal;
  readonly #context: BatchContext = new BatchContext();
  readonly #origin: Origin;
  readonly #records: RecordDecoder;
  readonly #walk: RequestWalk;

  constructor(signal: Signal, capacity: number) {
    this.signal = signal;
    this.#origin = new Origin(this.#context, capacity);
    this.#records = recordDecoder(signal, this.#context, this.#origin, capacity);
    this.#walk = new RequestWalk(this.#context, this.#origin, this.#records);
    this.#context.memory.bytesInUse = () => this.byteLength;
  }

  get rows(): number {
    return this.#records.rows.length;
  }

  get byteLength(): number {
    const groups = this.#records.groups?.byteLength() ?? 0;
    return this.#records.rows.byteLength() + groups + this.#origin.byteLength() + this.#context.keys.byteLength();
  }

  get capacityBytes(): number {
    return this.#context.memory.capacityBytes;
  }

  get generation(): number {
    return this.#context.memory.generation;
  }

  append(payload: Uint8Array, limits: AppendLimits): AppendResult {
    const before = this.mark();
    try {
      this.#read(payload, limits);
    } catch (error) {
      this.truncate(before);
      throw this.#appendError(error, payload, before);
    }
    const { rejections } = this.#context;
    const accepted = this.rows - before.rows;
    // Groups and keys that no row has would only take room.
    if (accepted === 0) this.truncate(before);
    return { accepted, rejected: rejections.count, message: rejections.message };
  }

  #read(payload: Uint8Array, limits: AppendLimits): void {
    const { memory, reader, rejections } = this.#context;
    const maxBytes = Math.min(limits.maxBytes ?? MAX_BATCH_BYTES, MAX_BATCH_BYTES);
    memory.limitBytes = maxBytes;
    this.#records.rows.limit = limits.maxRecords;
    rejections.start();
    reader.open(payload);
    this.#walk.run();
    if (this.byteLength > maxBytes || this.#context.expandedBytes > MAX_EXPANDED_BYTES) {
      throw new BatchFull('too many bytes');
    }
  }

  #appendError(error: unknown, payload: Uint8Array, before: BatchMark): unknown {
    if (error instanceof MalformedWire) {
      const { offset } = error;
      const field = fieldPathAt(this.signal, payload, offset);
      const message = `malformed OTLP request: ${error.message}, field=\`${field}\`, offset=${offset}`;
      return new OpenWitError('invalid', 'MALFORMED_OTLP', message, { details: { offset, field } });
    }
    if (!(error instanceof BatchFull)) return error;
    const options = { details: { reason: error.reason } };
    if (before.rows > 0) return new OpenWitError('overloaded', 'OVERLOADED', `batch is full: ${error.reason}`, options);
    return new OpenWitError('invalid', 'REQUEST_TOO_LARGE', `request exceeds a batch: ${error.reason}`, options);
  }

  get entryCounts(): EntryCounts {
    return {
      resource: this.#origin.resources.length,
      scope: this.#origin.scopes.length,
      metric: this.#records.groups?.length ?? 0,
      keys: this.#context.keys.length,
    };
  }

  mark(): BatchMark {
    return { rows: this.rows, expandedBytes: this.#context.expandedBytes, ...this.entryCounts };
  }

  truncate(mark: BatchMark): void {
    this.#records.rows.truncate(mark.rows);
    this.#records.groups?.truncate(mark.metric);
    this.#origin.scopes.truncate(mark.scope);
    this.#origin.resources.truncate(mark.resource);
    this.#context.keys.truncate(mark.keys);
    this.#context.expandedBytes = mark.expandedBytes;
  }

  columns(): ColumnData[] {
    return this.#records.columns();
  }
}

function recordDecoder(signal: Signal, context: BatchContext, origin: Origin, capacity: number): RecordDecoder {
  switch (signal) {
    case 'traces':
      return new SpanDecoder(context, origin, capacity);
    case 'logs':
      return new LogDecoder(context, origin, capacity);
    case 'metrics':
      return new MetricDecoder(context, origin, capacity);
  }
}

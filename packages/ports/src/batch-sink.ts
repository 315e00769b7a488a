import type { RecordBatch } from 'apache-arrow';
import type { SourcePosition } from './receiver.ts';
import type { TableName } from './signal.ts';
import type { WalRange } from './write-ahead-log.ts';

/** A sealed batch with what makes its commit exactly-once. */
export interface SealedBatch {
  readonly tenant: string;
  readonly table: TableName;
  readonly batch: RecordBatch;
  /** Bytes that the batch's rows take in memory; its buffers may be larger. */
  readonly byteLength: number;
  /** The log records that the batch holds: all of this batch id up to this sequence number. */
  readonly range: WalRange;
  /** The last position of each source that the batch holds. */
  readonly sources: readonly SourcePosition[];
  /**
   * To be called once, when neither the sink nor a snapshot of it reads the batch any more: its memory is written anew
   * from then on. A sink that keeps the batch for good never calls it.
   */
  readonly release: () => void;
}

/** Takes sealed batches. */
export interface BatchSink {
  /**
   * The batch is visible to snapshots from this call on. Resolves when it is in a committed file: seen whole or not at
   * all, and exactly once however often it is tried. When it rejects, the batch stays visible and is tried again.
   */
  append(batch: SealedBatch): Promise<void>;
}

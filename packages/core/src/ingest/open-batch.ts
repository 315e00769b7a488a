import {
  type ColumnData,
  type EntryCounts,
  type MemoryBatch,
  type ScheduledCall,
  type SealedBatch,
  type Signal,
  type SourcePosition,
  withEntryCounts,
} from '@openwit/ports';
import { recordBatchOf } from '@openwit/ports/arrow';
import type { DecodeResult } from './decode-protocol.ts';
import type { DecodeThread } from './decode-thread.ts';

/** In an object of its own: a promise for a promise would wait for both. */
export interface HandOver {
  readonly stored: Promise<void>;
}

/** A request's rows on their way to the log. */
export interface LoggedRows {
  readonly rowsBefore: number;
}

type CommittedState = Pick<DecodeResult, 'rows' | 'entryCounts'>;

/** A batch that a decode thread fills. Rows count once the log has them; what lies behind is still on its way. */
export class OpenBatch {
  /** The batch's name at its thread. */
  readonly slot: number;
  readonly batchId: number;
  readonly tenant: string;
  readonly signal: Signal;
  readonly thread: DecodeThread;
  /** Resolves when the batch is with the store, with the store's answer; a batch without rows ends here. */
  readonly handedOver: Promise<HandOver>;
  readonly resolveHandOver: (handOver: HandOver) => void;

  /** Seals the batch when it is old. */
  ageLimit: ScheduledCall | undefined;
  /** Set when the batch takes no further request. */
  sealed = false;
  /** Requests between decode and log; the batch goes to the store when none is left. */
  underWay = 0;
  /** Counts the times that rows were taken back: what was decoded before the last of them is gone. */
  epoch = 0;
  /** The rows before each request that is on its way to the log. */
  readonly #logging = new Set<LoggedRows>();
  committedRows = 0;
  byteLength = 0;
  columns: readonly ColumnData[] = [];
  /** Snapshots that show the batch while it is open. */
  readers = 0;
  #isStored = false;
  #entryCounts: EntryCounts = { resource: 0, scope: 0, metric: 0, keys: 0 };
  #throughLsn = 0;
  readonly #sources = new Map<string, SourcePosition>();

  constructor({
    slot,
    batchId,
    tenant,
    signal,
    thread,
  }: Pick<OpenBatch, 'slot' | 'batchId' | 'tenant' | 'signal' | 'thread'>) {
    this.slot = slot;
    this.batchId = batchId;
    this.tenant = tenant;
    this.signal = signal;
    this.thread = thread;
    const { promise, resolve } = Promise.withResolvers<HandOver>();
    this.handedOver = promise;
    this.resolveHandOver = resolve;
  }

  /** A request's rows are in the log: they belong to the batch for good. */
  commit({ rows, entryCounts }: CommittedState, lsn: number, source: SourcePosition | undefined): void {
    this.committedRows = rows;
    this.#entryCounts = entryCounts;
    this.#throughLsn = lsn;
    if (source !== undefined) this.#sources.set(source.source, source);
  }

  /** Of rows that go to the log now; give it back with {@link logged} or {@link takeBack}. */
  logging(rowsBefore: number): LoggedRows {
    const rows = { rowsBefore };
    this.#logging.add(rows);
    return rows;
  }

  logged(rows: LoggedRows): void {
    this.#logging.delete(rows);
  }

  /** The log refused these rows: they go, and all behind them. Those that went with earlier ones are gone already. */
  takeBack(rows: LoggedRows): void {
    if (!this.#logging.has(rows)) return;
    for (const other of this.#logging) if (other.rowsBefore >= rows.rowsBefore) this.#logging.delete(other);
    this.epoch++;
    this.thread.truncate(this.slot, rows.rowsBefore);
  }

  /** The committed rows, over the buffers that the decode thread goes on writing behind them. */
  view(): MemoryBatch {
    const columns = withEntryCounts(this.signal, this.columns, this.#entryCounts);
    return { batchId: this.batchId, batch: recordBatchOf(this.signal, this.committedRows, columns) };
  }

  toSealed(): SealedBatch {
    const { tenant, signal: table, batchId, byteLength } = this;
    const range = { batchId, throughLsn: this.#throughLsn };
    const sources = [...this.#sources.values()];
    return { tenant, table, batch: this.view().batch, byteLength, range, sources, release: () => this.release() };
  }

  /** The store has no use for the memory any more, or never had. */
  release(): void {
    this.#isStored = true;
    this.recycleIfUnread();
  }

  /** Gives the memory back to the thread when neither store nor snapshot reads it. */
  recycleIfUnread(): void {
    if (this.#isStored && this.readers === 0) this.thread.recycle(this.slot);
  }
}

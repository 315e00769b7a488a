import {
  type Clock,
  type IngestRequest,
  type IngestResult,
  type IngestSink,
  keepingAlive,
  OpenWitError,
  SharedBuffers,
  type Snapshot,
  sleep,
  systemClock,
  type TableName,
  type TableSource,
  type WalRecord,
  type WriteAheadLog,
} from '@openwit/ports';
import { type IngestOptions, type IngestSettings, ingestSettings } from './ingest-settings.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { OpenBatch } from './open-batch.ts';
import { type IngestStore, OpenBatches } from './open-batches.ts';
import { Recovery } from './recovery.ts';

export interface IngestorParts {
  readonly wal: WriteAheadLog;
  readonly store: IngestStore;
  readonly clock?: Clock;
  /** A batch id that was never used; `wal.nextBatchId` by default. */
  readonly nextBatchId?: number;
}

export interface IngestorStats {
  readonly openBatches: number;
  readonly memoryBytes: number;
  readonly acceptedRecords: number;
  readonly rejectedRecords: number;
  /** Log records that no longer decode; they stay in the log. */
  readonly unreadableRecords: number;
}

type SharedRequest = IngestRequest & { readonly payload: Uint8Array<SharedArrayBuffer> };

/**
 * The pipeline: a request is decoded into the open batch of its tenant and signal, its bytes go to the log, and once
 * they are durable its rows count. A full or old batch goes to the store.
 *
 * Guarantees: those of {@link IngestSink}; a snapshot has every acknowledged row exactly once.
 */
export class Ingestor implements IngestSink, TableSource {
  readonly #wal: WriteAheadLog;
  readonly #clock: Clock;
  readonly #settings: IngestSettings;
  readonly #budget: MemoryBudget;
  readonly #buffers = new SharedBuffers();
  readonly #batches: OpenBatches;
  readonly #recovery: Recovery;
  /** While the log of the run before is read. */
  #recovering: Promise<void> | undefined;
  readonly #requests = new Set<Promise<unknown>>();
  #closed = false;
  #accepted = 0;
  #rejected = 0;

  constructor({ wal, store, clock = systemClock, nextBatchId = 0 }: IngestorParts, options: IngestOptions = {}) {
    this.#wal = wal;
    this.#clock = clock;
    this.#settings = ingestSettings(options);
    this.#batches = new OpenBatches(
      { store, clock, nextBatchId: Math.max(nextBatchId, wal.nextBatchId), onWritten: () => this.#roomCameBack() },
      this.#settings,
    );
    const usedElsewhere = () => this.#batches.byteLength + store.pendingBytes;
    const { maxMemoryBytes: maxBytes, maxWaitMs } = this.#settings.limits;
    this.#budget = new MemoryBudget({ clock, usedElsewhere }, { maxBytes, maxWaitMs });
    this.#recovery = new Recovery({ wal, batches: this.#batches, budget: this.#budget, buffers: this.#buffers });
  }

  async ingest(request: IngestRequest): Promise<IngestResult> {
    if (this.#closed) throw new OpenWitError('closed', 'CLOSED', 'ingestor is closed');
    this.#checkRecovered();
    const result = this.#admit(request);
    this.#requests.add(result);
    return result.finally(() => this.#requests.delete(result));
  }

  /** @throws unavailable / RECOVERING */
  snapshot(tenant: string, tables: readonly TableName[]): Snapshot {
    this.#checkRecovered();
    return this.#batches.snapshot(tenant, tables);
  }

  /**
   * Takes back what the log holds from the run before. To be called once, before the first request. Resolves when it is
   * done, or when it has taken `maxRecoveryWaitMs`: then it goes on, and ingest and snapshots are refused with RECOVERING
   * until it is done.
   * @throws unavailable / WAL_UNAVAILABLE when the log cannot be read
   */
  async recover(): Promise<void> {
    const recovery = this.#recovery.run().then(() => {
      this.#recovering = undefined;
    });
    // A log that cannot be read any more leaves the node in recovery: it must not answer without these records.
    this.#recovering = recovery.catch(() => {});
    await Promise.race([recovery, sleep(this.#clock, this.#settings.limits.maxRecoveryWaitMs)]);
  }

  /** Resolves when everything that was acknowledged before the call is in committed files. */
  flush(): Promise<void> {
    return this.#batches.flush();
  }

  stats(): IngestorStats {
    return {
      openBatches: this.#batches.size,
      memoryBytes: this.#budget.usedBytes,
      acceptedRecords: this.#accepted,
      rejectedRecords: this.#rejected,
      unreadableRecords: this.#recovery.unreadableRecords,
    };
  }

  /**
   * Takes no new request, answers those under way, and hands every batch to the store, whose own close writes them: a disk
   * that is full must not keep a node from ending, and what is not written then is in the log.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#recovery.stop();
    await Promise.allSettled([this.#recovering, ...this.#requests]);
    await this.#batches.close();
  }

  #checkRecovered(): void {
    if (this.#recovering === undefined) return;
    const message = 'the log of the run before is still being read';
    throw new OpenWitError('unavailable', 'RECOVERING', message, { retryAfterMs: 1000 });
  }

  async #admit(request: IngestRequest): Promise<IngestResult> {
    const bytes = request.payload.length;
    const granted = this.#budget.reserve(bytes);
    if (granted !== undefined) {
      this.#makeRoom();
      await keepingAlive(granted);
    }
    try {
      return await this.#buffers.lend(request.payload, (payload) => this.#append({ ...request, payload }));
    } finally {
      this.#budget.release(bytes);
    }
  }

  /** A batch that is on its way to its file makes room already: a second one would only make smaller files. */
  #makeRoom(): void {
    if (!this.#batches.isFlushing) this.#batches.sealLargest();
  }

  #roomCameBack(): void {
    this.#budget.check();
    if (this.#budget.isSpent) this.#makeRoom();
  }

  #append(request: SharedRequest): Promise<IngestResult> {
    return this.#batches.append(
      () => this.#batches.current(request.tenant, request.signal),
      (batch) => this.#appendTo(batch, request),
    );
  }

  async #appendTo(
    batch: OpenBatch,
    { tenant, signal, source, payload }: SharedRequest,
  ): Promise<IngestResult | 'full'> {
    const { epoch, slot, batchId, committedRows } = batch;
    const outcome = await batch.thread.decode({ slot, signal, payload, committedRows });
    if (outcome instanceof OpenWitError) throw outcome;
    if (outcome.full) return 'full';
    this.#batches.note(batch, outcome);
    if (batch.epoch !== epoch) throw takenBack();
    const { accepted, rejected, message, rows } = outcome;
    if (accepted > 0) {
      const record = { tenant, signal, batchId, payload, ...(source && { source }) };
      batch.commit(outcome, await this.#log(batch, rows - accepted, record), source);
    }
    this.#accepted += accepted;
    this.#rejected += rejected;
    this.#batches.sealIfFull(batch);
    return { accepted, rejected, message };
  }

  /** When the log fails, all appends that wait fail with it: the first of them takes back the rows from it on. */
  async #log(batch: OpenBatch, rowsBefore: number, record: WalRecord): Promise<number> {
    const { epoch } = batch;
    try {
      return await this.#wal.append(record);
    } catch (error) {
      if (batch.epoch === epoch) {
        batch.epoch++;
        batch.thread.truncate(batch.slot, rowsBefore);
      }
      throw error;
    }
  }
}

function takenBack(): OpenWitError {
  const message = 'the write-ahead log failed while the request was decoded';
  return new OpenWitError('unavailable', 'WAL_UNAVAILABLE', message, { retryAfterMs: 1000 });
}

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
import { type TenantLimit, TenantLimits } from './tenant-limits.ts';
import { TenantNames } from './tenant-names.ts';

export interface IngestorParts {
  readonly wal: WriteAheadLog;
  readonly store: IngestStore;
  readonly clock?: Clock;
  /** A batch id that was never used; `wal.nextBatchId` by default. */
  readonly nextBatchId?: number;
  /** Default: none. */
  readonly tenantLimits?: readonly TenantLimit[];
}

export interface IngestorStats {
  readonly openBatches: number;
  readonly memoryBytes: number;
  readonly acceptedRecords: number;
  readonly rejectedRecords: number;
  /** Log records that no longer decode; they were set aside. */
  readonly unreadableRecords: number;
}

/**
 * Payload bytes that may be with the decode threads: enough to keep them busy. What a request unpacks to is known only
 * when it is decoded, and by no more than these can it go over the limit.
 */
const DECODE_AHEAD_BYTES = 1024 * 1024;

/** How much of the memory is made free at a time when it is spent. */
const ROOM_SHARE = 1 / 8;

type SharedRequest = IngestRequest & { readonly payload: Uint8Array<SharedArrayBuffer> };

/**
 * The pipeline: a request is decoded into the open batch of its tenant and signal, its bytes go to the log, and once
 * they are durable its rows count. A full or old batch goes to the store.
 *
 * Guarantees: those of {@link IngestSink}; a snapshot has every acknowledged row exactly once.
 */
export class Ingestor implements IngestSink, TableSource {
  readonly #wal: WriteAheadLog;
  readonly #store: IngestStore;
  readonly #limits: TenantLimits;
  readonly #clock: Clock;
  readonly #settings: IngestSettings;
  readonly #budget: MemoryBudget;
  /** Whose turn it is to be decoded: nobody's while batches take more memory than they may. */
  readonly #turns: MemoryBudget;
  readonly #tenants: TenantNames;
  readonly #bytesInBatches: () => number;
  readonly #buffers = new SharedBuffers();
  readonly #batches: OpenBatches;
  readonly #recovery: Recovery;
  /** While the log of the run before is read. */
  #recovering: Promise<void> | undefined;
  readonly #requests = new Set<Promise<unknown>>();
  #closed = false;
  #accepted = 0;
  #rejected = 0;

  constructor(
    { wal, store, clock = systemClock, nextBatchId = 0, tenantLimits = [] }: IngestorParts,
    options: IngestOptions = {},
  ) {
    this.#wal = wal;
    this.#store = store;
    this.#clock = clock;
    this.#settings = ingestSettings(options);
    this.#batches = new OpenBatches(
      { store, clock, nextBatchId: Math.max(nextBatchId, wal.nextBatchId), onWritten: () => this.#roomCameBack() },
      this.#settings,
    );
    this.#bytesInBatches = () => this.#batches.byteLength + store.pendingBytes;
    const { maxMemoryBytes: maxBytes, maxTenants, maxWaitMs } = this.#settings.limits;
    this.#budget = new MemoryBudget({ clock, usedElsewhere: this.#bytesInBatches }, { maxBytes, maxWaitMs });
    this.#turns = new MemoryBudget(
      { clock, usedElsewhere: () => (this.#areBatchesFull ? Number.POSITIVE_INFINITY : 0) },
      { maxBytes: DECODE_AHEAD_BYTES * this.#settings.threads, maxWaitMs },
    );
    const storedBytes = (tenant: string) => store.storedBytes(tenant);
    this.#limits = new TenantLimits({ clock, storedBytes }, tenantLimits);
    this.#tenants = new TenantNames(store.tenants, maxTenants);
    this.#recovery = new Recovery({ wal, batches: this.#batches, budget: this.#budget, buffers: this.#buffers });
  }

  async ingest(request: IngestRequest): Promise<IngestResult> {
    this.#checkOpen();
    this.#store.checkRoom();
    this.#checkRecovered();
    this.#tenants.check(request.tenant);
    this.#limits.check(request.tenant, request.payload.length);
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
    const recovery = this.#recovery
      .run((tenant) => this.#tenants.add(tenant))
      .then(() => {
        this.#recovering = undefined;
      });
    // A log that cannot be read any more leaves the node in recovery: it must not answer without these records.
    this.#recovering = recovery.catch(() => {});
    await Promise.race([recovery, sleep(this.#clock, this.#settings.limits.maxRecoveryWaitMs)]);
  }

  /**
   * Resolves when everything that was acknowledged before the call is in committed files, by the run before too: its log is
   * waited for. @throws fenced / FENCED; closed / CLOSED; unavailable / RECOVERING when the log cannot be read any more
   */
  async flush(): Promise<void> {
    await this.#recovering;
    this.#checkOpen();
    if (this.#store.fenced !== undefined) throw this.#store.fenced;
    this.#checkRecovered();
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

  #checkOpen(): void {
    if (this.#closed) throw new OpenWitError('closed', 'CLOSED', 'ingestor is closed');
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

  get #areBatchesFull(): boolean {
    return this.#bytesInBatches() > this.#settings.limits.maxMemoryBytes;
  }

  /** A batch that is on its way to its file makes room already: a second one would only make smaller files. */
  #makeRoom(): void {
    if (!this.#batches.isFlushing) this.#batches.sealLargest(this.#settings.limits.maxMemoryBytes * ROOM_SHARE);
  }

  #roomCameBack(): void {
    this.#budget.check();
    this.#turns.check();
    this.#makeRoomIfAwaited();
  }

  #makeRoomIfAwaited(): void {
    if (this.#budget.isSpent || (this.#turns.isSpent && this.#areBatchesFull)) this.#makeRoom();
  }

  async #append(request: SharedRequest): Promise<IngestResult> {
    const { tenant, signal, payload } = request;
    const wait = this.#turns.reserve(payload.length);
    if (wait !== undefined) {
      this.#makeRoomIfAwaited();
      await keepingAlive(wait);
    }
    const turn = new Turn(() => {
      this.#turns.release(payload.length);
      this.#makeRoomIfAwaited();
    });
    try {
      return await this.#batches.append(
        () => this.#batches.current(tenant, signal),
        (batch) => this.#appendTo(batch, request, turn),
      );
    } finally {
      turn.end();
    }
  }

  async #appendTo(
    batch: OpenBatch,
    { tenant, signal, source, payload }: SharedRequest,
    turn: Turn,
  ): Promise<IngestResult | 'full'> {
    const { epoch, slot, batchId, committedRows } = batch;
    const { maxRequestRecords: maxRecords, maxDecodedBytes: maxBytes } = this.#settings.limits;
    const limits = { maxRecords, maxBytes };
    const outcome = await batch.thread.decode({ slot, signal, payload, committedRows, limits });
    if (outcome instanceof OpenWitError) throw outcome;
    if (outcome.full) return 'full';
    this.#batches.note(batch, outcome);
    turn.end();
    if (batch.epoch !== epoch) throw takenBack();
    const { accepted, rejected, message, rows } = outcome;
    if (accepted > 0) {
      this.#tenants.add(tenant);
      const record = { tenant, signal, batchId, payload, ...(source && { source }) };
      batch.commit(outcome, await this.#log(batch, rows - accepted, record), source);
    }
    this.#accepted += accepted;
    this.#rejected += rejected;
    this.#batches.sealIfFull(batch);
    return { accepted, rejected, message };
  }

  /** What the log does not take is taken back, whether it fails alone or with all that wait. */
  async #log(batch: OpenBatch, rowsBefore: number, record: WalRecord): Promise<number> {
    const rows = batch.logging(rowsBefore);
    try {
      const lsn = await this.#wal.append(record);
      batch.logged(rows);
      return lsn;
    } catch (error) {
      batch.takeBack(rows);
      throw error;
    }
  }
}

/** Being decoded. It ends once, with the decoding or what comes instead of it. */
class Turn {
  readonly #onEnd: () => void;
  #hasEnded = false;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd();
  }
}

function takenBack(): OpenWitError {
  const message = 'the write-ahead log failed while the request was decoded';
  return new OpenWitError('unavailable', 'WAL_UNAVAILABLE', message, { retryAfterMs: 1000 });
}

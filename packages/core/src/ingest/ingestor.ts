import {
  type BatchSink,
  type Clock,
  type IngestRequest,
  type IngestResult,
  type IngestSink,
  isShared,
  keepingAlive,
  OpenWitError,
  SharedBuffers,
  type Signal,
  type Snapshot,
  sleep,
  systemClock,
  type TableName,
  type TableSource,
  type WalEntry,
  type WalRecord,
  type WriteAheadLog,
} from '@openwit/ports';
import type { DecodeResult } from './decode-protocol.ts';
import { DecodeThread } from './decode-thread.ts';
import { type IngestOptions, type IngestSettings, ingestSettings } from './ingest-settings.ts';
import { MemoryBudget } from './memory-budget.ts';
import { OpenBatch } from './open-batch.ts';

/** What an ingestor needs of the store: a sink, a source, and how much of it is still in memory. */
export interface IngestStore extends BatchSink, TableSource {
  /** Bytes of batches that are not in files yet. */
  readonly pendingBytes: number;
}

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
  readonly #store: IngestStore;
  readonly #clock: Clock;
  readonly #settings: IngestSettings;
  readonly #budget: MemoryBudget;
  readonly #buffers = new SharedBuffers();
  readonly #threads: DecodeThread[] = [];
  /** All batches that are not with the store, sealed ones that wait for their last requests too. */
  readonly #batches = new Set<OpenBatch>();
  /** The batch that takes requests, by thread and key. */
  readonly #current = new Map<DecodeThread, Map<string, OpenBatch>>();
  readonly #flushing = new Set<Promise<void>>();
  readonly #requests = new Set<Promise<unknown>>();
  #recovery: Promise<void> | undefined;
  #openBytes = 0;
  #nextSlot = 0;
  #nextBatchId: number;
  #closed = false;
  readonly #closing = Promise.withResolvers<void>();
  #accepted = 0;
  #rejected = 0;
  #unreadable = 0;

  constructor({ wal, store, clock = systemClock, nextBatchId }: IngestorParts, options: IngestOptions = {}) {
    this.#wal = wal;
    this.#store = store;
    this.#clock = clock;
    this.#settings = ingestSettings(options);
    this.#nextBatchId = Math.max(nextBatchId ?? 0, wal.nextBatchId);
    const usedElsewhere = () => this.#openBytes + store.pendingBytes;
    const { maxMemoryBytes: maxBytes, maxWaitMs } = this.#settings.limits;
    this.#budget = new MemoryBudget({ clock, usedElsewhere }, { maxBytes, maxWaitMs });
  }

  async ingest(request: IngestRequest): Promise<IngestResult> {
    if (this.#closed) throw new OpenWitError('closed', 'CLOSED', 'ingestor is closed');
    if (this.#recovery !== undefined) throw recovering();
    const result = this.#admit(request);
    this.#requests.add(result);
    return result.finally(() => this.#requests.delete(result));
  }

  async #admit(request: IngestRequest): Promise<IngestResult> {
    const bytes = request.payload.length;
    const granted = this.#budget.reserve(bytes);
    if (granted !== undefined) {
      this.#makeRoom();
      await keepingAlive(granted);
    }
    try {
      return await this.#withShared(request.payload, (payload) => this.#ingest({ ...request, payload }));
    } finally {
      this.#budget.release(bytes);
    }
  }

  /** @throws unavailable / RECOVERING */
  snapshot(tenant: string, tables: readonly TableName[]): Snapshot {
    if (this.#recovery !== undefined) throw recovering();
    const stored = this.#store.snapshot(tenant, tables);
    const merged = new Map(stored.tables);
    const shown: OpenBatch[] = [];
    for (const batch of this.#batches) {
      const table = batch.tenant === tenant && batch.committedRows > 0 ? merged.get(batch.signal) : undefined;
      if (table === undefined) continue;
      merged.set(batch.signal, { ...table, batches: [...table.batches, batch.view()] });
      shown.push(batch);
      batch.readers++;
    }
    const release = (): void => {
      stored.release();
      for (const batch of shown.splice(0)) {
        batch.readers--;
        batch.recycleIfUnread();
      }
    };
    return { tables: merged, release };
  }

  /**
   * Takes back what the log holds from the run before, in bounded memory: when it is spent, batches go to the store
   * and the replay waits for them. To be called once, before the first request. Resolves when it is done, or when it has
   * taken `maxRecoveryWaitMs`: then it goes on, and ingest and snapshots are refused with RECOVERING until it is done.
   * @throws unavailable / WAL_UNAVAILABLE when the log cannot be read
   */
  async recover(): Promise<void> {
    const recovery = this.#recover().then(() => {
      this.#recovery = undefined;
    });
    // A log that cannot be read any more leaves the node in recovery: it must not answer without these records.
    this.#recovery = recovery.catch(() => {});
    await Promise.race([recovery, sleep(this.#clock, this.#settings.limits.maxRecoveryWaitMs)]);
  }

  async #recover(): Promise<void> {
    const batches = new Map<number, OpenBatch>();
    for await (const entry of this.#wal.replay()) {
      if (this.#closed) return;
      while (this.#budget.usedBytes > this.#settings.limits.maxMemoryBytes && this.#sealLargest()) {
        await Promise.race([...this.#flushing, this.#closing.promise]);
        if (this.#closed) return;
      }
      await this.#replay(entry, batches);
    }
    for (const batch of batches.values()) this.#seal(batch);
  }

  /** Resolves when everything that was acknowledged before the call is in committed files. */
  async flush(): Promise<void> {
    const before = [...this.#batches];
    for (const batch of before) this.#seal(batch);
    await Promise.all([...this.#flushing, ...before.map(async (batch) => (await batch.handedOver).stored)]);
  }

  stats(): IngestorStats {
    return {
      openBatches: this.#batches.size,
      memoryBytes: this.#budget.usedBytes,
      acceptedRecords: this.#accepted,
      rejectedRecords: this.#rejected,
      unreadableRecords: this.#unreadable,
    };
  }

  /**
   * Takes no new request, answers those under way, and hands every batch to the store, whose own close writes them: a disk
   * that is full must not keep a node from ending, and what is not written then is in the log.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.resolve();
    await Promise.allSettled([this.#recovery, ...this.#requests]);
    const open = [...this.#batches];
    for (const batch of open) this.#seal(batch);
    await Promise.all(open.map((batch) => batch.handedOver));
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  /** The decode threads read shared memory only. */
  async #withShared<T>(bytes: Uint8Array, use: (payload: Uint8Array<SharedArrayBuffer>) => Promise<T>): Promise<T> {
    if (isShared(bytes)) return use(bytes);
    const payload = this.#buffers.take(bytes.length);
    payload.set(bytes);
    try {
      return await use(payload);
    } finally {
      this.#buffers.giveBack(payload);
    }
  }

  async #ingest(request: SharedRequest): Promise<IngestResult> {
    for (;;) {
      const batch = this.#batchFor(request);
      batch.underWay++;
      try {
        const outcome = await this.#appendTo(batch, request);
        if (outcome !== 'full') return outcome;
        this.#seal(batch);
      } finally {
        batch.underWay--;
        this.#handOver(batch);
      }
    }
  }

  async #appendTo(batch: OpenBatch, request: SharedRequest): Promise<IngestResult | 'full'> {
    const { epoch, slot, batchId, committedRows } = batch;
    const { tenant, signal, source, payload } = request;
    const outcome = await batch.thread.decode({ slot, signal, payload, committedRows });
    if (outcome instanceof OpenWitError) throw outcome;
    if (outcome.full) return 'full';
    this.#note(batch, outcome);
    if (batch.epoch !== epoch) throw takenBack();
    const { accepted, rejected, message, rows } = outcome;
    if (accepted > 0) {
      const lsn = await this.#log(batch, rows - accepted, {
        tenant,
        signal,
        batchId,
        payload,
        ...(source && { source }),
      });
      batch.commit(outcome, lsn, source);
    }
    this.#accepted += accepted;
    this.#rejected += rejected;
    if (this.#isFull(batch)) this.#seal(batch);
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

  /** The log's records of one batch are decoded again in their order, so that a range is committed once. */
  async #replay(entry: WalEntry, batches: Map<number, OpenBatch>): Promise<void> {
    for (;;) {
      const batch = this.#recoveredBatch(entry, batches);
      batch.underWay++;
      try {
        const outcome = await this.#decodeAgain(batch, entry);
        if (outcome === 'done') return;
        this.#seal(batch);
      } finally {
        batch.underWay--;
        this.#handOver(batch);
      }
    }
  }

  #recoveredBatch({ batchId, tenant, signal }: WalEntry, batches: Map<number, OpenBatch>): OpenBatch {
    const known = batches.get(batchId);
    if (known !== undefined && !known.sealed) return known;
    const batch = this.#newBatch(this.#thread(batchId), tenant, signal, batchId);
    batches.set(batchId, batch);
    return batch;
  }

  async #decodeAgain(batch: OpenBatch, { signal, lsn, source, payload }: WalEntry): Promise<'done' | 'full'> {
    const { slot, committedRows } = batch;
    const outcome = await this.#withShared(payload, (shared) =>
      batch.thread.decode({ slot, signal, payload: shared, committedRows }),
    );
    if (outcome instanceof OpenWitError) {
      this.#unreadable++;
      return 'done';
    }
    if (outcome.full) return 'full';
    this.#note(batch, outcome);
    batch.commit(outcome, lsn, source);
    return 'done';
  }

  #batchFor({ tenant, signal }: IngestRequest): OpenBatch {
    const thread = this.#leastLoadedThread();
    const key = `${signal}/${tenant}`;
    const batches = this.#current.get(thread)!;
    const current = batches.get(key);
    if (current !== undefined) return current;
    const batch = this.#newBatch(thread, tenant, signal, this.#nextBatchId++);
    batches.set(key, batch);
    return batch;
  }

  #newBatch(thread: DecodeThread, tenant: string, signal: Signal, batchId: number): OpenBatch {
    const batch = new OpenBatch({ slot: this.#nextSlot++, batchId, tenant, signal, thread });
    batch.ageLimit = this.#clock.schedule(this.#settings.batch.maxAgeMs, () => this.#seal(batch));
    this.#batches.add(batch);
    return batch;
  }

  #note(batch: OpenBatch, { byteLength, columns }: DecodeResult): void {
    this.#openBytes += byteLength - batch.byteLength;
    batch.byteLength = byteLength;
    if (columns !== undefined) batch.columns = columns;
  }

  #isFull(batch: OpenBatch): boolean {
    return batch.committedRows >= this.#settings.batch.maxRows || batch.byteLength >= this.#settings.batch.maxBytes;
  }

  /** A batch that is on its way to its file makes room already: a second one would only make smaller files. */
  #makeRoom(): void {
    if (this.#flushing.size === 0) this.#sealLargest();
  }

  /** Seals the batch that gives most room. False when nothing will give any. */
  #sealLargest(): boolean {
    let largest: OpenBatch | undefined;
    for (const batch of this.#batches) {
      if (!batch.sealed && batch.byteLength > (largest?.byteLength ?? 0)) largest = batch;
    }
    if (largest !== undefined) this.#seal(largest);
    return largest !== undefined || this.#flushing.size > 0;
  }

  #seal(batch: OpenBatch): void {
    if (batch.sealed) return;
    batch.sealed = true;
    batch.ageLimit?.cancel();
    const batches = this.#current.get(batch.thread);
    const key = `${batch.signal}/${batch.tenant}`;
    if (batches?.get(key) === batch) batches.delete(key);
    this.#handOver(batch);
  }

  /** A sealed batch without a request under way goes to the store; in this very tick it stands there instead of here. */
  #handOver(batch: OpenBatch): void {
    if (!batch.sealed || batch.underWay > 0 || !this.#batches.delete(batch)) return;
    this.#openBytes -= batch.byteLength;
    const stored = batch.committedRows === 0 ? Promise.resolve(batch.release()) : this.#store.append(batch.toSealed());
    const settled = stored.finally(() => {
      this.#flushing.delete(settled);
      this.#budget.check();
      if (this.#budget.isSpent) this.#makeRoom();
    });
    // Whoever waits for it hears of a failure; the records are in the log.
    settled.catch(() => {});
    this.#flushing.add(settled);
    batch.resolveHandOver({ stored: settled });
  }

  #leastLoadedThread(): DecodeThread {
    let best = this.#thread(0);
    for (let i = 1; i < this.#settings.threads && best.load > 0; i++) {
      const other = this.#thread(i);
      if (other.load < best.load) best = other;
    }
    return best;
  }

  /** Threads start at first use. One that failed is replaced; its batches keep the rows that the log has. */
  #thread(index: number): DecodeThread {
    const at = index % this.#settings.threads;
    const existing = this.#threads[at];
    if (existing !== undefined) return existing;
    const { batch, limits } = this.#settings;
    const thread: DecodeThread = new DecodeThread(
      { batchRows: batch.maxRows, batchBytes: batch.maxBytes, maxRequestRecords: limits.maxRequestRecords },
      () => {
        delete this.#threads[at];
        for (const lost of [...this.#batches]) if (lost.thread === thread) this.#seal(lost);
        this.#current.delete(thread);
      },
    );
    this.#threads[at] = thread;
    this.#current.set(thread, new Map());
    return thread;
  }
}

function recovering(): OpenWitError {
  const message = 'the log of the run before is still being read';
  return new OpenWitError('unavailable', 'RECOVERING', message, { retryAfterMs: 1000 });
}

function takenBack(): OpenWitError {
  return new OpenWitError(
    'unavailable',
    'WAL_UNAVAILABLE',
    'the write-ahead log failed while the request was decoded',
    {
      retryAfterMs: 1000,
    },
  );
}

import type { BatchSink, Clock, OpenWitError, Signal, Snapshot, TableName, TableSource } from '@openwit/ports';
import type { DecodeResult } from './decode-protocol.ts';
import { DecodeThread } from './decode-thread.ts';
import type { IngestSettings } from './ingest-settings.ts';
import { OpenBatch } from './open-batch.ts';

/** What an ingestor needs of the store: a sink, a source, and how much of it is still in memory. */
export interface IngestStore extends BatchSink, TableSource {
  /** Bytes of batches that are not in files yet. */
  readonly pendingBytes: number;
  /** The tenants that have records. */
  readonly tenants: ReadonlySet<string>;
  /** Bytes of a tenant's files, in all tiers. */
  storedBytes(tenant: string): number;
  /** Who has taken the node over: what is not in files by then is in the log alone. */
  readonly fenced: OpenWitError | undefined;
  /** @throws overloaded / OVERLOADED while there is no room for more records; fenced / FENCED when another has the node */
  checkRoom(): void;
}

/** What a batch takes beside its rows: some 60 buffers with a page that is begun. */
const OVERHEAD_BYTES = 128 * 1024;

interface OpenBatchesParts {
  readonly store: IngestStore;
  readonly clock: Clock;
  /** The first batch id that was never used. */
  readonly nextBatchId: number;
  /** Called when a batch has left memory, or could not. */
  readonly onWritten: () => void;
}

/**
 * The batches of an ingestor, from their first request until they stand with the store, and the threads that fill them.
 * A full or old batch is sealed; it is handed over in the tick in which its last request has ended.
 */
export class OpenBatches {
  readonly #store: IngestStore;
  readonly #clock: Clock;
  readonly #onWritten: () => void;
  readonly #settings: IngestSettings;
  readonly #threads: DecodeThread[] = [];
  /** All batches that are not with the store, sealed ones that wait for their last requests too. */
  readonly #batches = new Set<OpenBatch>();
  /** The batch that takes requests, by thread and key. */
  readonly #current = new Map<DecodeThread, Map<string, OpenBatch>>();
  readonly #flushing = new Set<Promise<void>>();
  #byteLength = 0;
  #nextSlot = 0;
  #nextBatchId: number;

  constructor({ store, clock, nextBatchId, onWritten }: OpenBatchesParts, settings: IngestSettings) {
    this.#store = store;
    this.#clock = clock;
    this.#nextBatchId = nextBatchId;
    this.#onWritten = onWritten;
    this.#settings = settings;
  }

  get size(): number {
    return this.#batches.size;
  }

  get byteLength(): number {
    return this.#byteLength + this.#batches.size * OVERHEAD_BYTES;
  }

  /** Whether batches are on their way to files: they will make room. */
  get isFlushing(): boolean {
    return this.#flushing.size > 0;
  }

  /** The batch that takes the next request, at the thread that has least to do. */
  current(tenant: string, signal: Signal): OpenBatch {
    const thread = this.#leastLoadedThread();
    const batches = this.#current.get(thread)!;
    const key = currentKey({ tenant, signal });
    const current = batches.get(key);
    if (current !== undefined) return current;
    const batch = this.#add(thread, tenant, signal, this.#nextBatchId++);
    batches.set(key, batch);
    return batch;
  }

  /** A new batch under an id that the log has. */
  recovered(tenant: string, signal: Signal, batchId: number): OpenBatch {
    return this.#add(this.#thread(batchId), tenant, signal, batchId);
  }

  /** Runs `append` on the batch that `choose` gives; when that is full it is sealed, and another is chosen. */
  async append<T>(choose: () => OpenBatch, append: (batch: OpenBatch) => Promise<T | 'full'>): Promise<T> {
    for (;;) {
      const batch = choose();
      batch.underWay++;
      try {
        const outcome = await append(batch);
        if (outcome !== 'full') return outcome;
        this.seal(batch);
      } finally {
        batch.underWay--;
        this.#handOver(batch);
      }
    }
  }

  /** What a thread says of its batch. */
  note(batch: OpenBatch, { byteLength, columns }: DecodeResult): void {
    this.#byteLength += byteLength - batch.byteLength;
    batch.byteLength = byteLength;
    if (columns !== undefined) batch.columns = columns;
  }

  sealIfFull(batch: OpenBatch): void {
    const { maxRows, maxBytes } = this.#settings.batch;
    if (batch.committedRows >= maxRows || batch.byteLength >= maxBytes) this.seal(batch);
  }

  seal(batch: OpenBatch): void {
    if (batch.sealed) return;
    batch.sealed = true;
    batch.ageLimit?.cancel();
    const batches = this.#current.get(batch.thread);
    const key = currentKey(batch);
    if (batches?.get(key) === batch) batches.delete(key);
    this.#handOver(batch);
  }

  /** Seals the batches that give most room, until they give so much; of many small ones it takes many. */
  sealLargest(bytes: number): void {
    const open = [...this.#batches].filter(({ sealed }) => !sealed).sort((a, b) => b.byteLength - a.byteLength);
    let room = 0;
    for (const batch of open) {
      if (room >= bytes) return;
      room += batch.byteLength + OVERHEAD_BYTES;
      this.seal(batch);
    }
  }

  /** Resolves when one of the batches that are on their way to files is there. */
  async oneWritten(): Promise<void> {
    await Promise.race(this.#flushing);
  }

  /** The committed rows of a tenant: those of the store, and those here. */
  snapshot(tenant: string, tables: readonly TableName[]): Snapshot {
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
    return { ...stored, tables: merged, release };
  }

  /** Resolves when everything that was committed before the call is in files. */
  async flush(): Promise<void> {
    const before = this.#sealAll();
    await Promise.all([...this.#flushing, ...before.map(async (batch) => (await batch.handedOver).stored)]);
  }

  /** Hands every batch to the store and ends the threads. */
  async close(): Promise<void> {
    await Promise.all(this.#sealAll().map((batch) => batch.handedOver));
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #sealAll(): OpenBatch[] {
    const batches = [...this.#batches];
    for (const batch of batches) this.seal(batch);
    return batches;
  }

  #add(thread: DecodeThread, tenant: string, signal: Signal, batchId: number): OpenBatch {
    const batch = new OpenBatch({ slot: this.#nextSlot++, batchId, tenant, signal, thread });
    batch.ageLimit = this.#clock.schedule(this.#settings.batch.maxAgeMs, () => this.seal(batch));
    this.#batches.add(batch);
    return batch;
  }

  /** A sealed batch without a request under way goes to the store; in this very tick it stands there instead of here. */
  #handOver(batch: OpenBatch): void {
    if (!batch.sealed || batch.underWay > 0 || !this.#batches.delete(batch)) return;
    this.#byteLength -= batch.byteLength;
    const stored = batch.committedRows === 0 ? Promise.resolve(batch.release()) : this.#store.append(batch.toSealed());
    const settled = stored.finally(() => {
      this.#flushing.delete(settled);
      this.#onWritten();
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
    const { batch } = this.#settings;
    const thread: DecodeThread = new DecodeThread({ batchRows: batch.maxRows, batchBytes: batch.maxBytes }, () => {
      delete this.#threads[at];
      for (const lost of [...this.#batches]) if (lost.thread === thread) this.seal(lost);
      this.#current.delete(thread);
    });
    this.#threads[at] = thread;
    this.#current.set(thread, new Map());
    return thread;
  }
}

function currentKey({ tenant, signal }: { tenant: string; signal: Signal }): string {
  return `${signal}/${tenant}`;
}

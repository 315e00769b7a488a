import { type Clock, type DataFile, OpenWitError, type SealedBatch, type WalRange } from '@openwit/ports';
import { BatchFlush, type FlushContext, type Flushed } from './batch-flush.ts';
import type { ParquetWriters } from './parquet/parquet-writers.ts';
import { Slots } from './slots.ts';
import type { TableVersions } from './table-versions.ts';
import type { TenantTables } from './tenant-tables.ts';

export interface BatchFlusherParts {
  readonly clock: Clock;
  readonly tables: TenantTables;
  readonly context: FlushContext & { readonly writers: Pick<ParquetWriters, 'encode' | 'giveBack' | 'close'> };
  /** Called when a batch's files are committed, after snapshots show them in its place. */
  readonly onCommitted: (range: WalRange, files: readonly DataFile[]) => void;
  /** Called with the error of each attempt that failed. */
  readonly onFailure: (error: unknown) => void;
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;

/** Writes batches into files, those of one table one after the other. What fails is tried again, for as long as it takes or until it is stopped. */
export class BatchFlusher {
  readonly #parts: BatchFlusherParts;
  /** What is under way for each table. */
  readonly #lanes = new Map<TableVersions, Promise<void>>();
  readonly #slots: Slots;
  #pendingBatches = 0;
  #pendingBytes = 0;
  readonly #backoffs = new Set<() => void>();
  #failures = 0;
  #lastError: unknown;
  #isClosing = false;
  #stopped: OpenWitError | undefined;

  /** @param slots batches that are encoded or written at a time */
  constructor(parts: BatchFlusherParts, slots: number) {
    this.#parts = parts;
    this.#slots = new Slots(slots);
  }

  /**
   * Visible from this call on. Rejects only when it is closed or stopped before the batch could be written.
   * @throws closed / CLOSED; unavailable / STORE_UNAVAILABLE; what {@link stop} was given
   */
  append(sealed: SealedBatch): Promise<void> {
    if (this.#isClosing) return Promise.reject(new OpenWitError('closed', 'CLOSED', 'the store is closed'));
    const { tenant, table, batch, byteLength, range } = sealed;
    const versions = this.#parts.tables.table(tenant, table);
    versions.change({ batches: [...versions.current.batches, { batchId: range.batchId, batch }] });
    this.#pendingBatches++;
    this.#pendingBytes += byteLength;
    // A batch that could not be written keeps back all behind it: a file may hold only a prefix of a batch id's records.
    const done = (this.#lanes.get(versions) ?? Promise.resolve()).then(async () => {
      const files = await this.#flush(sealed, versions);
      this.#pendingBatches--;
      this.#pendingBytes -= byteLength;
      this.#parts.onCommitted(range, files);
    });
    this.#lanes.set(versions, done);
    done.catch(() => {});
    return done;
  }

  /** Runs a task while no batch of these tables is on its way; those that were appended before are in files by then. */
  async exclusively<T>(tables: readonly TableVersions[], task: () => Promise<T>): Promise<T> {
    const { promise: isOver, resolve: end } = Promise.withResolvers<void>();
    const before = tables.map((versions) => {
      const lane = this.#lanes.get(versions) ?? Promise.resolve();
      const behind = lane.then(() => isOver);
      this.#lanes.set(versions, behind);
      behind.catch(() => {});
      return lane;
    });
    try {
      await Promise.all(before);
      return await task();
    } finally {
      end();
    }
  }

  /** Bytes of batches that are not in files yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get stats(): { pendingBatches: number; pendingBytes: number; failures: number; lastError: unknown } {
    return {
      pendingBatches: this.#pendingBatches,
      pendingBytes: this.#pendingBytes,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  /** Nothing is written any more: batches fail with this error, and stay visible. */
  stop(error: OpenWitError): void {
    this.#stopped = error;
    for (const wake of this.#backoffs) wake();
  }

  /** Waits for the batches that were appended; those that fail are tried once more, then left to the log. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const wake of this.#backoffs) wake();
    await Promise.allSettled(this.#lanes.values());
    await this.#parts.context.writers.close();
  }

  async #flush(sealed: SealedBatch, versions: TableVersions): Promise<readonly DataFile[]> {
    const { files, attributeColumns } = await this.#persist(sealed);
    const { current } = versions;
    const batches = current.batches.filter(({ batch }) => batch !== sealed.batch);
    versions.change({ batches, files: [...current.files, ...files], attributeColumns });
    versions.whenUnread(sealed.batch, sealed.release);
    return files;
  }

  async #persist(sealed: SealedBatch): Promise<Flushed> {
    const flush = new BatchFlush(this.#parts.context, sealed);
    for (let attempt = 0; ; attempt++) {
      if (this.#stopped !== undefined) throw this.#stopped;
      try {
        const flushed = await this.#slots.run(() => flush.attempt());
        this.#lastError = undefined;
        return flushed;
      } catch (error) {
        this.#failures++;
        this.#lastError = error;
        this.#parts.onFailure(error);
        if (this.#stopped !== undefined) throw this.#stopped;
        if (this.#isClosing) {
          throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'a batch could not be written', { cause: error });
        }
        await this.#backoff(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt));
      }
    }
  }

  /** Waits, or less when it is closed meanwhile. */
  async #backoff(delayMs: number): Promise<void> {
    const { promise, resolve: wake } = Promise.withResolvers<void>();
    const timer = this.#parts.clock.schedule(delayMs, wake);
    this.#backoffs.add(wake);
    await promise;
    this.#backoffs.delete(wake);
    timer.cancel();
  }
}

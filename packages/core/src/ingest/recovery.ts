import { OpenWitError, type SharedBuffers, type WalEntry, type WriteAheadLog } from '@openwit/ports';
import type { MemoryBudget } from './memory-budget.ts';
import type { OpenBatch } from './open-batch.ts';
import type { OpenBatches } from './open-batches.ts';

/** What the log has was acknowledged under the limits of its time. */
const NO_LIMITS = { maxRecords: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER };

interface RecoveryParts {
  readonly wal: WriteAheadLog;
  readonly batches: OpenBatches;
  readonly budget: MemoryBudget;
  readonly buffers: SharedBuffers;
}

/**
 * Takes back what the log holds from the run before, in bounded memory: when it is spent, batches go to the store and the
 * replay waits for them.
 */
export class Recovery {
  readonly #wal: WriteAheadLog;
  readonly #batches: OpenBatches;
  readonly #budget: MemoryBudget;
  readonly #buffers: SharedBuffers;
  /** The batches of the run before, by the id that their log records name. */
  readonly #recovered = new Map<number, OpenBatch>();
  readonly #stop = Promise.withResolvers<void>();
  #stopped = false;
  #unreadableRecords = 0;
  /** The record that a thread died over. */
  #lastFailed: number | undefined;

  constructor({ wal, batches, budget, buffers }: RecoveryParts) {
    this.#wal = wal;
    this.#batches = batches;
    this.#budget = budget;
    this.#buffers = buffers;
  }

  /** Log records that no longer decode; they were set aside. */
  get unreadableRecords(): number {
    return this.#unreadableRecords;
  }

  /** Calls `onTenant` for each record's. @throws unavailable / WAL_UNAVAILABLE when the log cannot be read */
  async run(onTenant: (tenant: string) => void): Promise<void> {
    for await (const entry of this.#wal.replay()) {
      await this.#waitForRoom();
      if (this.#stopped) return;
      onTenant(entry.tenant);
      await this.#replay(entry);
    }
    for (const batch of this.#recovered.values()) this.#batches.seal(batch);
    this.#recovered.clear();
  }

  /** {@link run} ends after the record that it is at; the log keeps what was not taken back. */
  stop(): void {
    this.#stopped = true;
    this.#stop.resolve();
  }

  async #waitForRoom(): Promise<void> {
    while (this.#budget.isExceeded && !this.#stopped) {
      this.#batches.sealLargest(1);
      if (!this.#batches.isFlushing) return;
      await Promise.race([this.#batches.oneWritten(), this.#stop.promise]);
    }
  }

  /** The records of one batch are decoded in their order again, so that a range is committed once. */
  async #replay(entry: WalEntry): Promise<void> {
    await this.#buffers.lend(entry.payload, (payload) =>
      this.#batches.append(
        () => this.#batchOf(entry),
        (batch) => this.#decode(batch, entry, payload),
      ),
    );
  }

  async #decode(batch: OpenBatch, entry: WalEntry, payload: Uint8Array<SharedArrayBuffer>): Promise<'done' | 'full'> {
    const { signal, lsn, source } = entry;
    const { slot, committedRows } = batch;
    const outcome = await batch.thread.decode({ slot, signal, payload, committedRows, limits: NO_LIMITS });
    if (outcome instanceof OpenWitError) {
      // A thread that died is replaced, and the record goes to another batch there; it may have been its fault.
      if (outcome.kind === 'unavailable' && this.#lastFailed !== lsn) {
        this.#lastFailed = lsn;
        return 'full';
      }
      await this.#wal.setAside(entry);
      this.#unreadableRecords++;
      return 'done';
    }
    if (outcome.full) return 'full';
    this.#batches.note(batch, outcome);
    batch.commit(outcome, lsn, source);
    return 'done';
  }

  #batchOf({ tenant, signal, batchId }: WalEntry): OpenBatch {
    const known = this.#recovered.get(batchId);
    if (known !== undefined && !known.sealed) return known;
    for (const [id, { sealed }] of this.#recovered) if (sealed) this.#recovered.delete(id);
    const batch = this.#batches.recovered(tenant, signal, batchId);
    this.#recovered.set(batchId, batch);
    return batch;
  }
}

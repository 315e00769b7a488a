import { OpenWitError, type SharedBuffers, type WalEntry, type WriteAheadLog } from '@openwit/ports';
import type { MemoryBudget } from './memory-budget.ts';
import type { OpenBatch } from './open-batch.ts';
import type { OpenBatches } from './open-batches.ts';

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

  constructor({ wal, batches, budget, buffers }: RecoveryParts) {
    this.#wal = wal;
    this.#batches = batches;
    this.#budget = budget;
    this.#buffers = buffers;
  }

  /** Log records that no longer decode; they stay in the log. */
  get unreadableRecords(): number {
    return this.#unreadableRecords;
  }

  /** @throws unavailable / WAL_UNAVAILABLE when the log cannot be read */
  async run(): Promise<void> {
    for await (const entry of this.#wal.replay()) {
      await this.#waitForRoom();
      if (this.#stopped) return;
      await this.#replay(entry);
    }
    for (const batch of this.#recovered.values()) this.#batches.seal(batch);
  }

  /** {@link run} ends after the record that it is at; the log keeps what was not taken back. */
  stop(): void {
    this.#stopped = true;
    this.#stop.resolve();
  }

  async #waitForRoom(): Promise<void> {
    while (this.#budget.isExceeded && !this.#stopped) {
      this.#batches.sealLargest();
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

  async #decode(
    batch: OpenBatch,
    { signal, lsn, source }: WalEntry,
    payload: Uint8Array<SharedArrayBuffer>,
  ): Promise<'done' | 'full'> {
    const { slot, committedRows } = batch;
    const outcome = await batch.thread.decode({ slot, signal, payload, committedRows });
    if (outcome instanceof OpenWitError) {
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
    const batch = this.#batches.recovered(tenant, signal, batchId);
    this.#recovered.set(batchId, batch);
    return batch;
  }
}

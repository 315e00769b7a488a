import { OpenWitError, type WalEntry, type WalRecord, type WalStats, type WriteAheadLog } from '@openwit/ports';

/** The log of a node without a disk: it numbers records and keeps none, since nothing of such a node outlives it. */
export class MemoryWal implements WriteAheadLog {
  #nextLsn = 1;
  #nextBatchId = 1;
  #isClosed = false;

  get nextBatchId(): number {
    return this.#nextBatchId;
  }

  append({ batchId }: WalRecord): Promise<number> {
    if (this.#isClosed) return Promise.reject(new OpenWitError('closed', 'CLOSED', 'the write-ahead log is closed'));
    this.#nextBatchId = Math.max(this.#nextBatchId, batchId + 1);
    return Promise.resolve(this.#nextLsn++);
  }

  async *replay(): AsyncGenerator<WalEntry> {}

  release(): void {}

  async roll(): Promise<void> {}

  async setAside(): Promise<void> {}

  async giveUpRepair(): Promise<void> {}

  stats(): WalStats {
    return { segments: 0, bytes: 0, nextLsn: this.#nextLsn, damagedFrames: 0, tornBytes: 0 };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}

import {
  type BatchSink,
  OpenWitError,
  type SealedBatch,
  type Snapshot,
  type TableName,
  type TableSource,
  type TableUsage,
  type WalRange,
} from '@openwit/ports';
import type { RecordBatch } from 'apache-arrow';
import { NO_COMPACTION } from './compaction/compactor.ts';
import { NO_INDEXING } from './indexing/indexing.ts';
import { NOTHING_EXPIRED } from './retention/retention.ts';
import { NOTHING_RETIRED } from './retirement.ts';
import type { StoreStats } from './store-stats.ts';
import { TenantTables } from './tenant-tables.ts';
import { NO_SWEEPS } from './tiers/bucket-sweep.ts';
import { NO_MOVES } from './tiers/tier-mover.ts';

export interface MemoryStoreSettings {
  /** The most bytes of batches; beyond it `append` rejects. Default 256 MiB. */
  readonly maxBytes?: number;
}

/** Keeps sealed batches in memory for good: the store of a `:memory:` node. */
export class MemoryStore implements BatchSink, TableSource {
  readonly #tables = new TenantTables();
  readonly #onCommitted: (range: WalRange) => void;
  readonly #maxBytes: number;
  readonly #byteLengths = new WeakMap<RecordBatch, number>();
  #bytes = 0;
  #batches = 0;

  constructor(
    { onCommitted = () => {} }: { readonly onCommitted?: (range: WalRange) => void } = {},
    { maxBytes = 256 * 1024 * 1024 }: MemoryStoreSettings = {},
  ) {
    this.#onCommitted = onCommitted;
    this.#maxBytes = maxBytes;
  }

  /** @throws overloaded / OVERLOADED when the memory is full; the batch is not visible then */
  async append({ tenant, table, batch, byteLength: bytes, range }: SealedBatch): Promise<void> {
    if (this.#bytes + bytes > this.#maxBytes) {
      throw new OpenWitError('overloaded', 'OVERLOADED', `the memory store is full, maxBytes=${this.#maxBytes}`);
    }
    this.#bytes += bytes;
    this.#batches++;
    this.#byteLengths.set(batch, bytes);
    const versions = this.#tables.table(tenant, table);
    versions.change({ batches: [...versions.current.batches, { batchId: range.batchId, batch }] });
    this.#onCommitted(range);
  }

  snapshot(tenant: string, tables: readonly TableName[]): Snapshot {
    return this.#tables.snapshot(tenant, tables);
  }

  /** @throws invalid / INVALID_CONFIG: a batch in memory is whole or not at all */
  deleteRows(): Promise<number> {
    const message = 'a store in memory removes tenants, not single records';
    return Promise.reject(new OpenWitError('invalid', 'INVALID_CONFIG', message));
  }

  /** There are no files. */
  usage(): TableUsage[] {
    return [];
  }

  /** There are no files. */
  storedBytes(): number {
    return 0;
  }

  /** How much it may hold is the limit of its appends. */
  checkRoom(): void {}

  /** Removes all batches of a tenant; queries that read them go on. */
  async deleteTenant(tenant: string): Promise<void> {
    for (const { tenant: owner, versions } of this.#tables) {
      if (owner !== tenant) continue;
      for (const { batch } of versions.current.batches) {
        const bytes = this.#byteLengths.get(batch) ?? 0;
        this.#bytes -= bytes;
        this.#batches--;
      }
      versions.change({ batches: [] });
    }
  }

  /** A new store has none. */
  readonly tenants: ReadonlySet<string> = new Set();

  /** Bytes that the store holds in memory. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  /** Nobody else can have it. */
  readonly fenced: undefined;

  stats(): StoreStats {
    return {
      fenced: undefined,
      pendingBatches: this.#batches,
      pendingBytes: this.#bytes,
      tables: [],
      failures: 0,
      lastError: undefined,
      compaction: NO_COMPACTION,
      tiers: NO_MOVES,
      retention: NOTHING_EXPIRED,
      retirement: NOTHING_RETIRED,
      bucketSweep: NO_SWEEPS,
      indexing: NO_INDEXING,
    };
  }

  async close(): Promise<void> {}
}

import { resolve } from 'node:path';
import {
  type BatchSink,
  type Catalog,
  type Clock,
  type FileSystem,
  OpenWitError,
  type SealedBatch,
  type Snapshot,
  type TableName,
  type TableSource,
  type WalRange,
} from '@openwit/ports';
import { BatchFlush, type FlushContext, type Flushed } from './batch-flush.ts';
import { sweepOrphans } from './orphan-sweep.ts';
import { type AttributeColumnSettings, DEFAULT_ATTRIBUTE_COLUMNS } from './parquet/attribute-columns.ts';
import { ParquetWriters } from './parquet/parquet-writers.ts';
import type { ParquetCompression } from './parquet/write-parquet.ts';
import { Slots } from './slots.ts';
import type { StoreStats } from './store-stats.ts';
import type { TableVersions } from './table-versions.ts';
import { TenantTables } from './tenant-tables.ts';
import type { ColdCache } from './tiers/cold-cache.ts';

export interface LsmStoreCollaborators {
  readonly catalog: Catalog;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  /** Called when a batch's file is committed, after snapshots show the file in its place. */
  readonly onCommitted?: (range: WalRange) => void;
  /** Writes the Parquet; by default worker threads of the store's own. */
  readonly writers?: Pick<ParquetWriters, 'encode' | 'close'>;
  /** What queries read files of object stores through; without it they cannot. It stays open when the store is closed. */
  readonly coldFiles?: ColdCache;
}

export interface LsmStoreSettings {
  /** The folder of the Parquet files. */
  readonly dataPath: string;
  /** Names this node's folders; see `SqliteCatalog.nodeId`. */
  readonly nodeId: string;
  /** Default `lz4`. */
  readonly compression?: ParquetCompression;
  /** Default: keys in at least 10 % of a batch's rows, at most 200 columns a table. */
  readonly attributeColumns?: Partial<AttributeColumnSettings>;
  /** Threads that write Parquet. Default 1. */
  readonly threads?: number;
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;

/**
 * Sealed batches become active Parquet files. A batch is in memory until its file is in the catalog, and in the same turn
 * the file takes its place: a snapshot shows each record once. What fails is tried again, for as long as it takes.
 */
export class LsmStore implements BatchSink, TableSource {
  readonly #context: FlushContext;
  readonly #clock: Clock;
  readonly #onCommitted: (range: WalRange) => void;
  readonly #writers: Pick<ParquetWriters, 'encode' | 'close'>;
  readonly #tables: TenantTables;
  /** What is under way for each table: its batches are written one after the other. */
  readonly #lanes = new Map<TableVersions, Promise<void>>();
  readonly #slots: Slots;
  #pendingBatches = 0;
  #pendingBytes = 0;
  readonly #backoffs = new Set<() => void>();
  #failures = 0;
  #lastError: unknown;
  #isClosing = false;

  /** Reads the catalog and removes what a crash left. @throws unavailable / STORE_UNAVAILABLE; data / STORE_CORRUPTION */
  static async open(collaborators: LsmStoreCollaborators, settings: LsmStoreSettings): Promise<LsmStore> {
    const store = new LsmStore(collaborators, settings);
    const { catalog, fileSystem } = collaborators;
    const committed = new Set<string>();
    for (const { tenant, table, attributeColumns } of await catalog.tables()) {
      const files = await catalog.files(tenant, table);
      store.#tables.table(tenant, table).change({ files, attributeColumns });
      for (const { path } of files) committed.add(path);
    }
    const { dataPath, nodeId } = store.#context;
    await sweepOrphans(fileSystem, dataPath, nodeId, committed).catch((cause) => {
      throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', `leftovers cannot be removed, path=\`${dataPath}\``, {
        cause,
      });
    });
    return store;
  }

  private constructor(collaborators: LsmStoreCollaborators, settings: LsmStoreSettings) {
    const { catalog, fileSystem, clock, onCommitted } = collaborators;
    const { dataPath, nodeId, threads = 1, compression = 'lz4' } = settings;
    this.#writers = collaborators.writers ?? new ParquetWriters({ threads, compression });
    this.#slots = new Slots(threads + 1);
    this.#tables = new TenantTables(collaborators.coldFiles);
    this.#clock = clock;
    this.#onCommitted = onCommitted ?? (() => {});
    const attributeColumns = { ...DEFAULT_ATTRIBUTE_COLUMNS, ...settings.attributeColumns };
    this.#context = {
      catalog,
      fileSystem,
      writers: this.#writers,
      dataPath: resolve(dataPath),
      nodeId,
      attributeColumns,
    };
  }

  /**
   * Visible from this call on. Rejects only when the store is closed before the batch could be written; then its records
   * are in the log. @throws closed / CLOSED; unavailable / STORE_UNAVAILABLE
   */
  append(sealed: SealedBatch): Promise<void> {
    if (this.#isClosing) return Promise.reject(new OpenWitError('closed', 'CLOSED', 'the store is closed'));
    const { tenant, table, batch, byteLength, range } = sealed;
    const versions = this.#tables.table(tenant, table);
    versions.change({ batches: [...versions.current.batches, { batchId: range.batchId, batch }] });
    this.#pendingBatches++;
    this.#pendingBytes += byteLength;
    // A batch that could not be written keeps back all behind it: a file may hold only a prefix of a batch id's records.
    const done = (this.#lanes.get(versions) ?? Promise.resolve()).then(async () => {
      await this.#flush(sealed, versions);
      this.#pendingBatches--;
      this.#pendingBytes -= byteLength;
      this.#onCommitted(range);
    });
    this.#lanes.set(versions, done);
    done.catch(() => {});
    return done;
  }

  snapshot(tenant: string, tables: readonly TableName[]): Snapshot {
    return this.#tables.snapshot(tenant, tables);
  }

  /** True while a snapshot may read the file: it must not be removed. */
  isPinned(tenant: string, table: TableName, fileId: number): boolean {
    return this.#tables.table(tenant, table).isPinned(fileId);
  }

  /** The tenants that have tables. */
  get tenants(): ReadonlySet<string> {
    return new Set([...this.#tables].map(({ tenant }) => tenant));
  }

  /** Bytes of batches that are not in files yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  stats(): StoreStats {
    const tables = [...this.#tables].map(({ tenant, table, versions: { current } }) => ({
      tenant,
      table,
      files: current.files.length,
      rows: current.files.reduce((sum, { rows }) => sum + rows, 0),
      sizeBytes: current.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    }));
    return {
      pendingBatches: this.#pendingBatches,
      pendingBytes: this.#pendingBytes,
      tables,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  /** Waits for the batches that were appended; those that fail are tried once more, then left to the log. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const wake of this.#backoffs) wake();
    await Promise.allSettled(this.#lanes.values());
    await this.#writers.close();
  }

  async #flush(sealed: SealedBatch, versions: TableVersions): Promise<void> {
    const { files, attributeColumns } = await this.#persist(sealed);
    const { current } = versions;
    const batches = current.batches.filter(({ batch }) => batch !== sealed.batch);
    versions.change({ batches, files: [...current.files, ...files], attributeColumns });
    versions.whenUnread(sealed.batch, sealed.release);
  }

  async #persist(sealed: SealedBatch): Promise<Flushed> {
    const flush = new BatchFlush(this.#context, sealed);
    for (let attempt = 0; ; attempt++) {
      try {
        const flushed = await this.#slots.run(() => flush.attempt());
        this.#lastError = undefined;
        return flushed;
      } catch (error) {
        this.#failures++;
        this.#lastError = error;
        if (this.#isClosing) {
          throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'a batch could not be written', { cause: error });
        }
        await this.#backoff(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt));
      }
    }
  }

  /** Waits, or less when the store is closed meanwhile. */
  async #backoff(delayMs: number): Promise<void> {
    const { promise, resolve: wake } = Promise.withResolvers<void>();
    const timer = this.#clock.schedule(delayMs, wake);
    this.#backoffs.add(wake);
    await promise;
    this.#backoffs.delete(wake);
    timer.cancel();
  }
}

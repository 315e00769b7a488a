import { join, resolve } from 'node:path';
import {
  type BatchSink,
  type Catalog,
  type Clock,
  type DataFile,
  type FileSystem,
  OpenWitError,
  type Random,
  type SealedBatch,
  type Snapshot,
  systemRandom,
  type TableName,
  type TableSource,
  type WalRange,
} from '@openwit/ports';
import { BatchFlusher } from './batch-flusher.ts';
import { Compactor } from './compaction/compactor.ts';
import { FileMerger } from './compaction/file-merger.ts';
import { type CompactionSettings, DEFAULT_COMPACTION } from './compaction/plan-compaction.ts';
import { Maintenance } from './maintenance.ts';
import { sweepOrphans } from './orphan-sweep.ts';
import { type AttributeColumnSettings, DEFAULT_ATTRIBUTE_COLUMNS } from './parquet/attribute-columns.ts';
import { ParquetWriters } from './parquet/parquet-writers.ts';
import type { ParquetCompression } from './parquet/write-parquet.ts';
import { Retirement } from './retirement.ts';
import type { StoreStats } from './store-stats.ts';
import { TenantTables } from './tenant-tables.ts';

export interface LsmStoreCollaborators {
  readonly catalog: Catalog;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random?: Random;
  /** Called when a batch's file is committed, after snapshots show the file in its place. */
  readonly onCommitted?: (range: WalRange) => void;
  /** Writes the Parquet; by default worker threads of the store's own. */
  readonly writers?: Pick<ParquetWriters, 'encode' | 'close'>;
  /** Merges files; by default a worker thread of the store's own. */
  readonly merger?: Pick<FileMerger, 'merge' | 'close'>;
}

export interface CompactionOptions extends CompactionSettings {
  /** What a merge may hold in memory, in bytes. Default 96 MiB. */
  readonly memoryLimitBytes: number;
}

export interface LsmStoreSettings {
  /** The folder of the Parquet files. */
  readonly dataPath: string;
  /** Names this node's folders; see `SqliteCatalog.nodeId`. */
  readonly nodeId: string;
  /** Where a merge puts what does not fit its memory. Default: `tmp` beside the data path. */
  readonly tempDir?: string;
  /** Of active files. Default `lz4`. */
  readonly compression?: ParquetCompression;
  /** Default: keys in at least 10 % of a file's rows, at most 200 columns a table. */
  readonly attributeColumns?: Partial<AttributeColumnSettings>;
  /** Threads that write Parquet. Default 1. */
  readonly threads?: number;
  readonly compaction?: Partial<CompactionOptions>;
  /** How long other readers of the catalog find the files of a snapshot after the next one, in milliseconds. Default 30,000. */
  readonly snapshotRetentionMs?: number;
}

const DEFAULT_MEMORY_BYTES = 96 * 1024 * 1024;
const DEFAULT_RETENTION_MS = 30_000;
const LONGEST_TICK_MS = 5000;

/**
 * A log-structured merge tree of Parquet files. A sealed batch is in memory until its *active* file is in the catalog, and
 * in the same turn the file takes its place; active files are merged into *stable* ones. A snapshot shows each record once,
 * whatever goes on.
 */
export class LsmStore implements BatchSink, TableSource {
  readonly #tables: TenantTables;
  readonly #flusher: BatchFlusher;
  readonly #compactor: Compactor;
  readonly #retirement: Retirement;
  readonly #merging: Maintenance;
  /** Of its own: while records come there is always something to merge, and what merges replaced has to go. */
  readonly #cleaning: Maintenance;

  /** Reads the catalog and removes what a crash left. @throws unavailable / STORE_UNAVAILABLE; data / STORE_CORRUPTION */
  static async open(collaborators: LsmStoreCollaborators, settings: LsmStoreSettings): Promise<LsmStore> {
    const { catalog, fileSystem } = collaborators;
    const tables = new TenantTables();
    const known = new Set<string>(await catalog.retiredPaths());
    for (const { tenant, table, attributeColumns } of await catalog.tables()) {
      const files = await catalog.files(tenant, table);
      tables.table(tenant, table).change({ files, attributeColumns });
      for (const { path } of files) known.add(path);
    }
    const dataPath = resolve(settings.dataPath);
    await sweepOrphans(fileSystem, dataPath, settings.nodeId, known).catch((cause) => {
      throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', `leftovers cannot be removed, path=\`${dataPath}\``, {
        cause,
      });
    });
    return new LsmStore(tables, collaborators, { ...settings, dataPath });
  }

  private constructor(tables: TenantTables, collaborators: LsmStoreCollaborators, settings: LsmStoreSettings) {
    const { catalog, fileSystem, clock, onCommitted, random = systemRandom } = collaborators;
    const { dataPath, nodeId, threads = 1, compression = 'lz4' } = settings;
    const attributeColumns = { ...DEFAULT_ATTRIBUTE_COLUMNS, ...settings.attributeColumns };
    const { memoryLimitBytes = DEFAULT_MEMORY_BYTES, ...compaction } = settings.compaction ?? {};
    const planning = { ...DEFAULT_COMPACTION, ...compaction };
    const retentionMs = settings.snapshotRetentionMs ?? DEFAULT_RETENTION_MS;
    const tempDir = settings.tempDir ?? join(dataPath, '../tmp');
    const writers = collaborators.writers ?? new ParquetWriters({ threads, compression });
    const merger = collaborators.merger ?? new FileMerger({ tempDir, memoryLimitBytes });
    const context = { catalog, fileSystem, writers, dataPath, nodeId, attributeColumns };
    this.#tables = tables;
    this.#flusher = new BatchFlusher(
      { clock, tables, context, onCommitted: (range, files) => this.#committed(files, () => onCommitted?.(range)) },
      threads + 1,
    );
    this.#compactor = new Compactor(
      { catalog, fileSystem, clock, random, merger, tables, onCommitted: (files) => this.#committed(files) },
      { ...planning, dataPath, nodeId, minShare: attributeColumns.minShare },
    );
    this.#retirement = new Retirement({ catalog, fileSystem, clock, tables }, retentionMs);
    const tickMs = Math.min(LONGEST_TICK_MS, planning.quietMs, Math.max(1, retentionMs));
    this.#merging = new Maintenance({ clock, chores: [this.#compactor] }, tickMs);
    this.#cleaning = new Maintenance({ clock, chores: [this.#retirement] }, tickMs);
  }

  /**
   * Visible from this call on. Rejects only when the store is closed before the batch could be written; then its records
   * are in the log. @throws closed / CLOSED; unavailable / STORE_UNAVAILABLE
   */
  append(sealed: SealedBatch): Promise<void> {
    return this.#flusher.append(sealed);
  }

  snapshot(tenant: string, tables: readonly TableName[]): Snapshot {
    return this.#tables.snapshot(tenant, tables);
  }

  /** Merges what is left of every hour, also of those that are not over. Resolves when nothing is left to merge. */
  compact(): Promise<void> {
    return this.#compactor.run({ closesAll: true });
  }

  /** The tenants that have tables. */
  get tenants(): ReadonlySet<string> {
    return new Set([...this.#tables].map(({ tenant }) => tenant));
  }

  /** Bytes of batches that are not in files yet. */
  get pendingBytes(): number {
    return this.#flusher.pendingBytes;
  }

  stats(): StoreStats {
    const tables = [...this.#tables].map(({ tenant, table, versions: { current } }) => ({
      tenant,
      table,
      files: current.files.length,
      rows: current.files.reduce((sum, { rows }) => sum + rows, 0),
      sizeBytes: current.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    }));
    return { ...this.#flusher.stats, tables, compaction: this.#compactor.stats };
  }

  /** Waits for the batches that were appended; those that fail are tried once more, then left to the log. A merge is given up. */
  async close(): Promise<void> {
    await this.#compactor.close();
    await this.#merging.close();
    await this.#cleaning.close();
    await this.#flusher.close();
  }

  #committed(files: readonly DataFile[], tell: () => void = () => {}): void {
    this.#compactor.added(files);
    this.#retirement.snapshotEnded();
    tell();
    this.#merging.wake();
    this.#cleaning.wake();
  }
}

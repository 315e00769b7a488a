import { join, resolve } from 'node:path';
import type { Catalog, Clock, FileSystem, Random, WalRange } from '@openwit/ports';
import type { FileMerger } from './compaction/file-merger.ts';
import type { MergeSettings } from './compaction/merge-request.ts';
import { type CompactionSettings, DEFAULT_COMPACTION } from './compaction/plan-compaction.ts';
import type { IndexBuilder } from './indexing/index-builder.ts';
import type { IndexingRule } from './indexing/indexed-columns.ts';
import type { IndexingSettings } from './indexing/indexing.ts';
import { type AttributeColumnSettings, DEFAULT_ATTRIBUTE_COLUMNS } from './parquet/attribute-columns.ts';
import type { ParquetCompression } from './parquet/encode-protocol.ts';
import type { ParquetWriters, ParquetWritersSettings } from './parquet/parquet-writers.ts';
import { type BucketSweepSettings, DEFAULT_BUCKET_SWEEP } from './tiers/bucket-sweep.ts';
import type { ColdCache } from './tiers/cold-cache.ts';
import type { TierStores } from './tiers/file-places.ts';
import type { PolicyRule } from './tiers/table-policy.ts';

export interface LsmStoreCollaborators {
  readonly catalog: Catalog;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random?: Random;
  /** Called when a batch's file is committed, after snapshots show the file in its place. */
  readonly onCommitted?: (range: WalRange) => void;
  /** Writes the Parquet; by default worker threads of the store's own. */
  readonly writers?: Pick<ParquetWriters, 'encode' | 'giveBack' | 'close'>;
  /** Merges files; by default a worker thread of the store's own. */
  readonly merger?: Pick<FileMerger, 'merge' | 'close'>;
  /** Builds indexes; by default a worker thread of the store's own, where the settings name a module. */
  readonly indexBuilder?: Pick<IndexBuilder, 'build' | 'close'>;
  /** The stores of the tiers beyond the local disk. Default: none, every file stays. */
  readonly tiers?: TierStores;
  /** What queries read files of object stores through; without it they cannot. It stays open when the store is closed. */
  readonly coldFiles?: Pick<ColdCache, 'reads' | 'forget'>;
}

export interface CompactionOptions extends CompactionSettings {
  /** What a merge may hold in memory, in bytes. Default 128 MiB. */
  readonly memoryLimitBytes: number;
}

export interface IndexingOptions {
  /** The URL of the module whose `fileIndexer` builds indexes. Default: none are built. */
  readonly module?: string;
  /** What is indexed; of the rules that name a table the last one holds. Files that have an index keep it. */
  readonly rules?: readonly IndexingRule[];
  /** How long a merged file must have been there before it is indexed, in milliseconds: it may be merged again. Default 30,000. */
  readonly delayMs?: number;
}

export interface LsmStoreSettings {
  /** The folder of the Parquet files. */
  readonly dataPath: string;
  /** Names this node's folders; see `SqliteCatalog.nodeId`. */
  readonly nodeId: string;
  /** Where a merge puts what does not fit its memory. Default: `tmp` beside the data path. */
  readonly tempDir?: string;
  /** Of active files. Default `none`. */
  readonly compression?: ParquetCompression;
  /** Default: keys in at least 10 % of a file's rows, at most 200 columns a table. */
  readonly attributeColumns?: Partial<AttributeColumnSettings>;
  /** What a tenant's tables may have of attribute columns, where that is not what all may have. */
  readonly maxAttributeColumns?: (tenant: string) => number | undefined;
  /** Threads that write Parquet. Default 1. */
  readonly threads?: number;
  readonly compaction?: Partial<CompactionOptions>;
  readonly indexing?: IndexingOptions;
  /** How long other readers of the catalog find the files of a snapshot after the next one, in milliseconds. Default 30,000. */
  readonly snapshotRetentionMs?: number;
  /**
   * How often the stores of the tiers are looked through for what crashes and late requests left, and from which age on such
   * things are removed. Default: each day, of more than an hour.
   */
  readonly bucketSweep?: Partial<BucketSweepSettings>;
  /** When files move on and records are removed; of the rules that name a table the last one holds. Default: never. */
  readonly policies?: readonly PolicyRule[];
  /**
   * What the hot tier may hold, in bytes: above 80 % of it files move to the cold one whatever their age, and at all of it no
   * more records are taken. Default: no limit.
   */
  readonly hotBytes?: number;
  /** The class that files of the archive get, by its store's own name: `GLACIER`. Default: the store's own. */
  readonly archiveClass?: string;
  /** How long a clock that jumped forward must go on before records are removed by it, in milliseconds. Default 3,600,000. */
  readonly clockConfirmMs?: number;
}

const DEFAULT_MEMORY_BYTES = 128 * 1024 * 1024;
const DEFAULT_RETENTION_MS = 30_000;
const DEFAULT_CONFIRM_MS = 3_600_000;
const DEFAULT_INDEXING_DELAY_MS = 30_000;
const SHORTEST_TICK_MS = 50;
const LONGEST_TICK_MS = 5000;

type Given = 'dataPath' | 'nodeId' | 'policies' | 'hotBytes' | 'snapshotRetentionMs' | 'clockConfirmMs';

/** The settings with their defaults, as the parts of a store take them. */
export interface ResolvedSettings extends Required<Pick<LsmStoreSettings, Given>> {
  readonly archiveClass: string | undefined;
  readonly writing: Required<ParquetWritersSettings>;
  readonly merging: MergeSettings;
  readonly planning: CompactionSettings;
  readonly indexModule: string | undefined;
  readonly indexing: IndexingSettings;
  readonly minShare: number;
  readonly attributeColumnsOf: (tenant: string) => AttributeColumnSettings;
  readonly bucketSweep: BucketSweepSettings;
  /** How often each kind of work looks for some. */
  readonly tickMs: number;
}

export function resolvedSettings(settings: LsmStoreSettings): ResolvedSettings {
  const { memoryLimitBytes = DEFAULT_MEMORY_BYTES, ...compaction } = settings.compaction ?? {};
  const { policies = [], hotBytes = Infinity, archiveClass, maxAttributeColumns } = settings;
  const { nodeId, threads = 1, compression = 'none', snapshotRetentionMs = DEFAULT_RETENTION_MS } = settings;
  const dataPath = resolve(settings.dataPath);
  const tempDir = settings.tempDir ?? join(dataPath, '../tmp');
  const attributeColumns = { ...DEFAULT_ATTRIBUTE_COLUMNS, ...settings.attributeColumns };
  const planning = { ...DEFAULT_COMPACTION, ...compaction };
  return {
    dataPath,
    nodeId,
    writing: { threads, compression },
    merging: { tempDir, memoryLimitBytes },
    planning,
    indexModule: settings.indexing?.module,
    indexing: {
      rules: settings.indexing?.rules ?? [],
      delayMs: settings.indexing?.delayMs ?? DEFAULT_INDEXING_DELAY_MS,
      stableBytes: planning.stableBytes,
    },
    minShare: attributeColumns.minShare,
    attributeColumnsOf: (tenant) => {
      const maxPerTable = maxAttributeColumns?.(tenant);
      return maxPerTable === undefined ? attributeColumns : { ...attributeColumns, maxPerTable };
    },
    policies,
    hotBytes,
    archiveClass,
    bucketSweep: { ...DEFAULT_BUCKET_SWEEP, ...settings.bucketSweep },
    snapshotRetentionMs,
    clockConfirmMs: settings.clockConfirmMs ?? DEFAULT_CONFIRM_MS,
    tickMs: Math.max(SHORTEST_TICK_MS, Math.min(LONGEST_TICK_MS, planning.quietMs, snapshotRetentionMs)),
  };
}

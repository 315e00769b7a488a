import type { OpenWitError, TableName } from '@openwit/ports';
import type { CompactionStats } from './compaction/compactor.ts';
import type { IndexingStats } from './indexing/indexing.ts';
import type { RetentionStats } from './retention/retention.ts';
import type { RetirementStats } from './retirement.ts';
import type { BucketSweepStats } from './tiers/bucket-sweep.ts';
import type { TierStats } from './tiers/tier-mover.ts';

export interface StoreStats {
  /** Who has taken the node over; undefined as long as nobody has. */
  readonly fenced: OpenWitError | undefined;
  /** Batches that are in memory and in no committed file. */
  readonly pendingBatches: number;
  readonly pendingBytes: number;
  readonly tables: readonly TableStats[];
  /** Attempts to write a batch that failed, since the store was opened. Each is tried again. */
  readonly failures: number;
  /** Why the last attempt failed; undefined when the last one succeeded. */
  readonly lastError: unknown;
  readonly compaction: CompactionStats;
  readonly tiers: TierStats;
  /** What became too old to be kept. */
  readonly retention: RetentionStats;
  /** What no snapshot has any more. */
  readonly retirement: RetirementStats;
  readonly bucketSweep: BucketSweepStats;
  readonly indexing: IndexingStats;
}

export interface TableStats {
  readonly tenant: string;
  readonly table: TableName;
  readonly files: number;
  /** Of these files, those that have an index. */
  readonly indexedFiles: number;
  readonly rows: number;
  /** With the indexes. */
  readonly sizeBytes: number;
}

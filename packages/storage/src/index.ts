export { SqlCatalog } from './catalog/sql-catalog.ts';
export * from './catalog/sqlite-catalog.ts';
export type { CompactionStats } from './compaction/compactor.ts';
export type { FileMerger } from './compaction/file-merger.ts';
export type { MergedFile, MergeInput, MergeOutput, MergeRequest, MergeSettings } from './compaction/merge-request.ts';
export type { CompactionSettings } from './compaction/plan-compaction.ts';
export * from './data-folder-lock.ts';
export * from './disk-reserve.ts';
export type { IndexRequest } from './indexing/build-index.ts';
export type { IndexBuilder } from './indexing/index-builder.ts';
export { analysersOf, type IndexingRule, type TableIndexing } from './indexing/indexed-columns.ts';
export type { IndexingStats } from './indexing/indexing.ts';
export * from './lsm-store.ts';
export type {
  CompactionOptions,
  IndexingOptions,
  LsmStoreCollaborators,
  LsmStoreSettings,
} from './lsm-store-settings.ts';
export * from './memory-store.ts';
export { DiskObjectStore, type DiskObjectStoreSettings } from './objects/disk-object-store.ts';
export { fileContent } from './objects/file-content.ts';
export * from './objects/memory-object-store.ts';
export * from './objects/memory-store-faults.ts';
export * from './objects/metered.ts';
export * from './objects/retrying.ts';
export type { AttributeColumnSettings } from './parquet/attribute-columns.ts';
export type { ParquetCompression } from './parquet/encode-protocol.ts';
export { type StoredColumn, type StoredType, storedColumns } from './parquet/stored-layout.ts';
export type { MatchRows } from './retention/row-removal.ts';
export * from './store-backup.ts';
export type { StoreStats, TableStats } from './store-stats.ts';
export type { BucketSweepSettings, BucketSweepStats } from './tiers/bucket-sweep.ts';
export * from './tiers/cold-cache.ts';
export type { ColdCacheSettings, ColdCacheStats } from './tiers/cold-settings.ts';
export type { TierStores } from './tiers/file-places.ts';
export type { PolicyRule, TablePolicy } from './tiers/table-policy.ts';
export type { TierStats } from './tiers/tier-mover.ts';
export { MemoryWal } from './wal/memory-wal.ts';
export { SegmentedWal, type SegmentedWalSettings } from './wal/segmented-wal.ts';

import { type DataFile, INDEX_VERSION, type TableName } from '@openwit/ports';

export interface IndexedTable<T extends PlannedFile = DataFile> {
  readonly tenant: string;
  readonly table: TableName;
  readonly files: readonly T[];
}

export type PlannedFile = Pick<DataFile, 'fileId' | 'generation' | 'sizeBytes' | 'tier' | 'index' | 'maxTimestampNs'>;

export interface PlannedIndex<T extends PlannedFile = DataFile> {
  readonly tenant: string;
  readonly table: TableName;
  readonly file: T;
}

export interface IndexingLimits<T extends PlannedFile = DataFile> {
  /** Files as large as this are not merged any more, in bytes. */
  readonly stableBytes: number;
  /** How long a smaller one must have been there, in milliseconds. */
  readonly delayMs: number;
  /** How long a file has been in its table, in milliseconds. */
  readonly ageMs: (file: T) => number;
}

/**
 * The files that want an index now, those with the latest records first. Files as they were written from memory get none: they are
 * merged within the hour. Nor do merged ones that are going to be merged again before long.
 */
export function planIndexes<T extends PlannedFile>(
  tables: readonly IndexedTable<T>[],
  { stableBytes, delayMs, ageMs }: IndexingLimits<T>,
): PlannedIndex<T>[] {
  const isSettled = (file: T) => file.tier !== 'hot' || file.sizeBytes >= stableBytes || ageMs(file) >= delayMs;
  return tables
    .flatMap(({ tenant, table, files }) =>
      files.filter((file) => lacksIndex(file) && isSettled(file)).map((file) => ({ tenant, table, file })),
    )
    .sort(({ file: a }, { file: b }) => (a.maxTimestampNs > b.maxTimestampNs ? -1 : 1));
}

/** Archived files are hardly searched, and would have to be restored. */
function lacksIndex({ generation, tier, index }: PlannedFile): boolean {
  return generation > 0 && tier !== 'archive' && index?.version !== INDEX_VERSION;
}

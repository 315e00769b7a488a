import type { Catalog, CatalogCommit, CatalogTable, NewDataFile } from '../catalog.ts';
import type { DrivenClock } from './driven-clock.ts';

/** A place for one catalog, opened as often as a test wants. */
export interface CatalogPlace {
  /** The folder of the data files. */
  readonly dataPath: string;
  /** The clock of every catalog that is opened. */
  readonly clock: DrivenClock;
  /** Opens it, always as the same node: one at a time. */
  open(): Promise<Catalog>;
}

/** A file as a flush or a compaction would hand it over, called `name`. */
export function fileOf(
  { dataPath }: Pick<CatalogPlace, 'dataPath'>,
  { tenant, table, fieldIds }: CatalogTable,
  name: string,
  parts: Partial<NewDataFile> = {},
): NewDataFile {
  return {
    path: `${dataPath}/${tenant}/${table}/2027/01/15/00000000/${name}.parquet`,
    tier: 'hot',
    generation: 0,
    rows: 10,
    sizeBytes: 1000,
    footerBytes: 100,
    minTimestampNs: 1_800_000_000_000_000_001n,
    maxTimestampNs: 1_800_000_000_999_999_999n,
    attributeColumnIds: [],
    emptyColumns: [],
    columnStats: [{ fieldId: fieldIds.get('timestamp')!, valueCount: 10, nullCount: 0 }],
    ...parts,
  };
}

/** A flush of one file for a batch. */
export function commitOf(
  place: Pick<CatalogPlace, 'dataPath'>,
  known: CatalogTable,
  batchId: number,
  { withColumn = false }: { readonly withColumn?: boolean } = {},
): CatalogCommit {
  const { tenant, table, nextFieldId } = known;
  const newColumns = withColumn
    ? [{ fieldId: nextFieldId, map: 'attributes', key: 'a.b', name: 'attributes.a.b', type: 'int64' as const }]
    : [];
  const attributeColumnIds = newColumns.map(({ fieldId }) => fieldId);
  return {
    tenant,
    table,
    files: [fileOf(place, known, `active-${batchId}`, { attributeColumnIds })],
    replaces: [],
    newColumns,
    ranges: [{ batchId, throughLsn: 10 * batchId }],
    sources: [{ source: 'kafka/a/0', next: 100 * batchId }],
  };
}

/** A compaction or a deletion: `files` in the place of `replaces`. */
export function rewriteOf(
  { tenant, table }: CatalogTable,
  replaces: readonly number[],
  files: readonly NewDataFile[],
): CatalogCommit {
  return { tenant, table, files, replaces, newColumns: [], ranges: [], sources: [] };
}

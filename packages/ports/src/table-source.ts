import type { RecordBatch } from 'apache-arrow';
import type { FileIndex, IndexRange } from './file-index.ts';
import type { TableName } from './signal.ts';
import type { ColumnType } from './tables/column.ts';

/** Where queries read: one consistent view of memory and files. */
export interface TableSource {
  /**
   * A view of the tenant's tables at this moment: every record acknowledged before the call is in it exactly once, in
   * `batches` or in `files`, and nothing that happens later changes it. A tenant that never wrote has empty tables.
   */
  snapshot(tenant: string, tables: readonly TableName[]): Snapshot;
}

export interface Snapshot {
  readonly tables: ReadonlyMap<TableName, TableSnapshot>;
  /**
   * Brings what is to be read of files that are not `hot` to the local disk; absent where there is no way to. Returns the local
   * path of each file by its id: a Parquet file of the same size, in which the footer and the columns that were asked for, now or
   * earlier, are those of the object. The rest may be anything, and something else later: who reads it must not keep it. A path
   * stays readable until the release and never stands for another file. One call at a time; later ones may add columns.
   * @throws data / OBJECT_NOT_FOUND, OBJECT_CORRUPTION; unavailable / OBJECT_ARCHIVED, OBJECT_STORE_UNAVAILABLE, STORE_UNAVAILABLE;
   * invalid / QUERY_LIMIT, overloaded / OVERLOADED when there is no room; closed / CLOSED; the reason of the signal
   */
  localise?(reads: readonly FileRead[], signal?: AbortSignal): Promise<ReadonlyMap<number, string>>;
  /**
   * Brings byte ranges of the indexes of files that are not `hot` to the local disk; absent where there is no way to. Returns of each
   * index, by its file's id, a local file of the same size and what is here of it; the rest may be anything. For how long, when it may be
   * called, and what it throws is as with `localise`.
   */
  localiseIndexes?(reads: readonly IndexRead[], signal?: AbortSignal): Promise<ReadonlyMap<number, LocalIndex>>;
  /** To be told of an index of the snapshot that is not there, or not what it should be; absent where there is nobody to heed it. */
  indexIsDamaged?(table: TableName, file: DataFile): void;
  /** Until this is called, the snapshot's files and memory stay readable. Releasing twice does nothing. */
  release(): void;
}

/** What a query reads of a file. */
export interface FileRead {
  readonly file: DataFile;
  /** Names of the Parquet file's top-level columns: `body`, `attributes`, `attributes.http.route`. None: the rows are counted. */
  readonly columns: readonly string[] | 'all';
  /** The numbers of the rows, ascending, where others are not read: of other row groups nothing need be here. Default: all. */
  readonly rows?: Uint32Array;
}

/** What a query reads of the index of a file. */
export interface IndexRead {
  /** It has an index. */
  readonly file: DataFile;
  readonly ranges: readonly IndexRange[];
}

/** An index that is partly here. */
export interface LocalIndex {
  readonly path: string;
  /** Ascending and apart. */
  readonly present: readonly IndexRange[];
}

export interface TableSnapshot {
  readonly batches: readonly MemoryBatch[];
  readonly files: readonly DataFile[];
  /** Attribute keys that at least one of the table's files may hold as a column of its own. */
  readonly attributeColumns: readonly AttributeColumn[];
}

export interface MemoryBatch {
  readonly batchId: number;
  /** In the layout of `TABLES`; see `recordBatchOf`. */
  readonly batch: RecordBatch;
}

/** Where a file lies: `hot` on the local disk, `cold` in an object store, `archive` in one that may have to restore it first. */
export type Tier = 'hot' | 'cold' | 'archive';

export interface DataFile {
  readonly fileId: number;
  /** Absolute path of the Parquet file, or the URL of the object. */
  readonly path: string;
  readonly tier: Tier;
  /** How often its rows were rewritten at most: 0 for a file that was written from memory. */
  readonly generation: number;
  readonly rows: number;
  readonly sizeBytes: number;
  /** Nanoseconds since the Unix epoch, both inclusive. */
  readonly minTimestampNs: bigint;
  readonly maxTimestampNs: bigint;
  /** Field ids of the attribute columns that this file has. A key that is not here is wholly in the file's map. */
  readonly attributeColumnIds: readonly number[];
  /** Names of list and map columns that are empty in every row: nobody need read them. */
  readonly emptyColumns: readonly string[];
  /** What stands beside it, where it has been built. */
  readonly index?: FileIndex;
}

/** What a tenant's table has in files. */
export interface TableUsage {
  readonly tenant: string;
  readonly table: TableName;
  readonly files: number;
  readonly rows: number;
  /** Of files and their indexes. */
  readonly bytesByTier: Readonly<Record<Tier, number>>;
  readonly attributeColumns: number;
  /** Nanoseconds since the Unix epoch; undefined when there is no file. */
  readonly minTimestampNs: bigint | undefined;
  readonly maxTimestampNs: bigint | undefined;
}

/** An attribute key stored as a column of its own: `attributes.http.route`. */
export interface AttributeColumn {
  /** The Parquet field id, unique in the table. */
  readonly fieldId: number;
  /** The map that it is taken from: `attributes`, `resource_attributes` or `scope_attributes`. */
  readonly map: string;
  readonly key: string;
  /** `${map}.${key}` */
  readonly name: string;
  readonly type: Extract<ColumnType, 'text' | 'int64' | 'float64' | 'bool'>;
}

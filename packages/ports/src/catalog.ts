import type { SourcePosition } from './receiver.ts';
import type { TableName } from './signal.ts';
import type { AttributeColumn, DataFile } from './table-source.ts';
import type { WalRange } from './write-ahead-log.ts';

/** Statistics of one column of one file; values are DuckLake's text forms. */
export interface FileColumnStats {
  readonly fieldId: number;
  readonly valueCount: number;
  readonly nullCount: number;
  readonly min?: string;
  readonly max?: string;
  readonly containsNan?: boolean;
}

export interface NewDataFile extends Omit<DataFile, 'fileId'> {
  readonly footerBytes: number;
  readonly columnStats: readonly FileColumnStats[];
}

/** One commit: all of it takes effect or nothing. */
export interface CatalogCommit {
  readonly tenant: string;
  readonly table: TableName;
  readonly files: readonly NewDataFile[];
  /** Columns that these files are the first to have. */
  readonly newColumns: readonly AttributeColumn[];
  readonly ranges: readonly WalRange[];
  readonly sources: readonly SourcePosition[];
}

export interface CatalogTable {
  readonly tenant: string;
  readonly table: TableName;
  /** Field ids of the fixed columns by path: `timestamp`, `events.element.name`, `attributes.key`. */
  readonly fieldIds: ReadonlyMap<string, number>;
  readonly attributeColumns: readonly AttributeColumn[];
  /** An id that no column of the table has or had. */
  readonly nextFieldId: number;
}

/**
 * What files there are. Guarantees: a commit is atomic and durable when it resolves; committing a range that is
 * already committed adds no file (so a retry after an unclear failure is safe); readers of the same database see
 * whole commits only.
 */
export interface Catalog {
  /** The table, made when it is not there. @throws invalid / INVALID_TENANT when another tenant differs only in case */
  openTable(tenant: string, table: TableName): Promise<CatalogTable>;
  /** Every table there is. */
  tables(): Promise<readonly CatalogTable[]>;
  /** The live files of a table. */
  files(tenant: string, table: TableName): Promise<readonly DataFile[]>;
  /** Returns the files as committed, or an empty list when all the ranges were committed before. */
  commit(commit: CatalogCommit): Promise<readonly DataFile[]>;
  /** The committed ranges that are not forgotten yet. */
  committedRanges(): Promise<readonly WalRange[]>;
  /** No record of these batches is in the log any more: their ranges need not be kept. */
  forgetRanges(batchIds: readonly number[]): Promise<void>;
  /** Where each source goes on. */
  sourcePositions(): Promise<readonly SourcePosition[]>;
  /** A number greater than every batch id ever committed. */
  nextBatchId(): Promise<number>;
  close(): Promise<void>;
}

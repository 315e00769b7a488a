import type { AttributeColumn, DataFile, NewDataFile, TableName } from '@openwit/ports';

export interface MergeInput extends Pick<DataFile, 'path' | 'rows' | 'attributeColumnIds' | 'emptyColumns'> {
  /** Numbers of rows to be left out. Only where there is no other input. */
  readonly withoutRows?: readonly number[];
}

/** A file to be made of the rows with `fromNs <= timestamp < toNs`. */
export interface MergeOutput {
  readonly path: string;
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

/** Files of one table to be merged into others, each sorted. Plain data: it goes to a worker. */
export interface MergeRequest {
  readonly table: TableName;
  readonly inputs: readonly MergeInput[];
  /** Together they have a place for every row of the inputs. */
  readonly outputs: readonly MergeOutput[];
  readonly fieldIds: ReadonlyMap<string, number>;
  readonly attributeColumns: readonly AttributeColumn[];
  /** The least share of a file's rows that must have a key for it to be a column, 0 to 1. */
  readonly minShare: number;
}

export interface MergeSettings {
  /** Where what does not fit the memory goes. */
  readonly tempDir: string;
  /** What DuckDB may hold, in bytes. */
  readonly memoryLimitBytes: number;
  /** Rows that are sorted at a time at the most. Default 184,320. */
  readonly maxPieceRows?: number;
}

/** What the catalog keeps of a merged file. It lies at its unfinished name, and is not durable yet. */
export type MergedFile = Omit<NewDataFile, 'tier' | 'generation'>;

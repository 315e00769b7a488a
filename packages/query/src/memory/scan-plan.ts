import type { ColumnData, TableName } from '@openwit/ports';
import type { HiddenColumn, TypedPart } from '../sql/attribute-access.ts';

/** One column that a scan of memory gives. */
export interface ScanColumn {
  readonly name: string;
  readonly sqlType: string;
  /** Index of the column of `TABLES` that it is read from. */
  readonly index: number;
  /** `value` and `types` are of the whole column; the others of one attribute key of it. */
  readonly read: {
    readonly part: 'value' | 'types' | HiddenColumn['part'];
    readonly key?: string;
    readonly without?: TypedPart;
  };
}

/** A batch as it came from the snapshot, by column of `TABLES`. */
export interface ScanBatch {
  readonly rows: number;
  readonly columns: readonly ColumnData[];
}

/** What one reference to a table reads out of memory. */
export interface ScanPlan {
  readonly table: TableName;
  readonly columns: readonly ScanColumn[];
  readonly batches: readonly ScanBatch[];
}

import type { AttributeColumn, ColumnData, FileColumnStats, TableName } from '@openwit/ports';
import type { AttributeColumnSettings } from './attribute-columns.ts';

/** How the pages of active files are compressed: `none` costs the least CPU; `lz4` has little more than half the bytes, `zstd` a third. */
export type ParquetCompression = 'lz4' | 'zstd' | 'none';

/** A batch in memory and what its table has already. Plain data: it goes to a worker. */
export interface EncodeRequest {
  readonly table: TableName;
  readonly rows: number;
  /** In the layout of `TABLES`. */
  readonly columns: readonly ColumnData[];
  readonly fieldIds: ReadonlyMap<string, number>;
  readonly attributeColumns: readonly AttributeColumn[];
  readonly nextFieldId: number;
  readonly settings: AttributeColumnSettings;
}

/** What the catalog keeps of a file. */
export interface FileFacts {
  readonly newColumns: readonly AttributeColumn[];
  readonly attributeColumnIds: readonly number[];
  readonly emptyColumns: readonly string[];
  readonly columnStats: readonly FileColumnStats[];
  readonly minTimestampNs: bigint;
  readonly maxTimestampNs: bigint;
}

/** The bytes of a Parquet file, in parts, with what the catalog keeps of it. */
export interface EncodedFile extends FileFacts {
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly footerBytes: number;
}

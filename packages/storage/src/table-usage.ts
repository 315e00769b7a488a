import { bytesWithIndex, type TableName, type TableUsage, type Tier } from '@openwit/ports';
import type { TableVersion } from './table-versions.ts';

/** What a table has in files now. */
export function tableUsage(
  tenant: string,
  table: TableName,
  { files, attributeColumns }: Pick<TableVersion, 'files' | 'attributeColumns'>,
): TableUsage {
  const bytesByTier: Record<Tier, number> = { hot: 0, cold: 0, archive: 0 };
  let rows = 0;
  let minTimestampNs: bigint | undefined;
  let maxTimestampNs: bigint | undefined;
  for (const file of files) {
    rows += file.rows;
    bytesByTier[file.tier] += bytesWithIndex(file);
    if (minTimestampNs === undefined || file.minTimestampNs < minTimestampNs) minTimestampNs = file.minTimestampNs;
    if (maxTimestampNs === undefined || file.maxTimestampNs > maxTimestampNs) maxTimestampNs = file.maxTimestampNs;
  }
  return {
    tenant,
    table,
    files: files.length,
    rows,
    bytesByTier,
    attributeColumns: attributeColumns.length,
    minTimestampNs,
    maxTimestampNs,
  };
}

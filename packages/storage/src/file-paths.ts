import { join } from 'node:path';
import { indexedFile, isoTime, type Random, randomHex, type SealedBatch } from '@openwit/ports';

/** `{tenant}/{signal}/{year}/{month}/{day}/{node}`: the day, in UTC, of the batch's earliest record. */
export function dayFolder(
  { tenant, table }: Pick<SealedBatch, 'tenant' | 'table'>,
  minTimestampNs: bigint,
  nodeId: string,
): string {
  const [year, month, day] = isoTime(Number(minTimestampNs / 1_000_000n))
    .slice(0, 10)
    .split('-');
  return join(tenant, table, year!, month!, day!, nodeId);
}

/** The node whose folder a file or an index is in, by its path below the data path; undefined when none is called so. */
export function nodeOfKey(key: string): string | undefined {
  const file = indexedFile(key)?.filePath ?? key;
  const parts = file.split('/');
  return parts.length === 7 && file.endsWith('.parquet') ? parts[5] : undefined;
}

/** `active-00000000002a-000000000000007b.parquet`: the level, the batch id and its last sequence number, in hex. */
export function activeFileName({ range }: Pick<SealedBatch, 'range'>): string {
  const batchId = range.batchId.toString(16).padStart(12, '0');
  const throughLsn = range.throughLsn.toString(16).padStart(16, '0');
  return `active-${batchId}-${throughLsn}.parquet`;
}

/** `stable-9f3c…-….parquet`: a name that no file ever had. */
export function stableFileName(random: Random): string {
  return `stable-${randomHex(random, 12)}.parquet`;
}

/** What a file is called until all of it is durable. */
export function unfinishedName(path: string): string {
  return `${path}.tmp`;
}

import { OpenWitError, type SourcePosition, type WalRange } from '@openwit/ports';
import { lists, placeholders, type SqlSession } from './sql-database.ts';

/** How far this node's log is in tables. Batch ids are a node's own; sources are everybody's. */
export async function areCommitted(sql: SqlSession, nodeId: string, ranges: readonly WalRange[]): Promise<boolean> {
  let committed = 0;
  for (const { batchId, throughLsn } of ranges) {
    const row = await sql.get(
      'SELECT through_lsn FROM openwit_ranges WHERE node_id = ? AND batch_id = ?',
      nodeId,
      batchId,
    );
    if (row !== undefined && (row.through_lsn as number) >= throughLsn) committed++;
  }
  if (committed > 0 && committed < ranges.length) {
    throw new OpenWitError('internal', 'INTERNAL', 'a commit repeats some of the committed ranges, not all');
  }
  return committed > 0;
}

export async function recordProgress(
  sql: SqlSession,
  nodeId: string,
  ranges: readonly WalRange[],
  sources: readonly SourcePosition[],
): Promise<void> {
  for (const { batchId, throughLsn } of ranges) {
    await sql.run(
      `INSERT INTO openwit_ranges(node_id, batch_id, through_lsn) VALUES (?, ?, ?)
       ON CONFLICT(node_id, batch_id) DO UPDATE SET through_lsn = excluded.through_lsn`,
      nodeId,
      batchId,
      throughLsn,
    );
  }
  if (ranges.length > 0) {
    const nextBatchId = 1 + Math.max(...ranges.map(({ batchId }) => batchId));
    await sql.run(
      'UPDATE openwit_nodes SET next_batch_id = ? WHERE node_id = ? AND next_batch_id < ?',
      nextBatchId,
      nodeId,
      nextBatchId,
    );
  }
  for (const { source, next } of sources) {
    await sql.run(
      `INSERT INTO openwit_sources(source, next) VALUES (?, ?)
       ON CONFLICT(source) DO UPDATE SET next = excluded.next WHERE excluded.next > openwit_sources.next`,
      source,
      next,
    );
  }
}

export async function committedRanges(sql: SqlSession, nodeId: string): Promise<WalRange[]> {
  const rows = await sql.all(
    'SELECT batch_id, through_lsn FROM openwit_ranges WHERE node_id = ? ORDER BY batch_id',
    nodeId,
  );
  return rows.map((row) => ({ batchId: row.batch_id as number, throughLsn: row.through_lsn as number }));
}

export async function forgetRanges(sql: SqlSession, nodeId: string, batchIds: readonly number[]): Promise<void> {
  for (const list of lists(batchIds)) {
    await sql.run(
      `DELETE FROM openwit_ranges WHERE node_id = ? AND batch_id IN ${placeholders(list.length)}`,
      nodeId,
      ...list,
    );
  }
}

export async function sourcePositions(sql: SqlSession): Promise<SourcePosition[]> {
  const rows = await sql.all('SELECT source, next FROM openwit_sources ORDER BY source');
  return rows.map((row) => ({ source: row.source as string, next: row.next as number }));
}

export async function nextBatchId(sql: SqlSession, nodeId: string): Promise<number> {
  const row = await sql.get('SELECT next_batch_id FROM openwit_nodes WHERE node_id = ?', nodeId);
  return row!.next_batch_id as number;
}

export async function trustedMs(sql: SqlSession, nodeId: string): Promise<number | undefined> {
  const row = await sql.get('SELECT value FROM openwit_meta WHERE key = ?', trustedKey(nodeId));
  return row === undefined ? undefined : Number(row.value);
}

export async function trust(sql: SqlSession, nodeId: string, ms: number): Promise<void> {
  await sql.run(
    'INSERT INTO openwit_meta(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value',
    trustedKey(nodeId),
    String(Math.trunc(ms)),
  );
}

function trustedKey(nodeId: string): string {
  return `trusted_ms/${nodeId}`;
}

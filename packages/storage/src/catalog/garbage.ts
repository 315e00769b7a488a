import type { Garbage } from '@openwit/ports';
import type { DataPaths } from './data-paths.ts';
import { lists, placeholders, type SqlSession } from './sql-database.ts';

// `openwit_garbage`: what may be in a store and is in no snapshot. A path is there or in a snapshot, never in both: each
// transaction that takes a file in or lets one go keeps it so.

/** The path is in no snapshot; when it is garbage already, it is so from now on, and of this node. */
export async function addGarbage(
  sql: SqlSession,
  paths: DataPaths,
  { path, nodeId, sinceMs }: { readonly path: string; readonly nodeId: string; readonly sinceMs: number },
): Promise<void> {
  await sql.run(
    `INSERT INTO openwit_garbage(path, node_id, since_ms) VALUES (?, ?, ?)
     ON CONFLICT(path) DO UPDATE SET node_id = excluded.node_id, since_ms = excluded.since_ms`,
    paths.keptGarbage(path),
    nodeId,
    sinceMs,
  );
}

/** The paths are in no snapshot; what is anybody's garbage already stays so. @returns how many were not */
export async function adoptGarbage(
  sql: SqlSession,
  paths: DataPaths,
  found: readonly string[],
  { nodeId, sinceMs }: { readonly nodeId: string; readonly sinceMs: number },
): Promise<number> {
  let adopted = 0;
  for (const path of found) {
    adopted += await sql.run(
      'INSERT INTO openwit_garbage(path, node_id, since_ms) VALUES (?, ?, ?) ON CONFLICT(path) DO NOTHING',
      paths.keptGarbage(path),
      nodeId,
      sinceMs,
    );
  }
  return adopted;
}

/** These paths are in a table now. */
export async function takeFromGarbage(sql: SqlSession, paths: DataPaths, live: readonly string[]): Promise<void> {
  for (const list of lists(live.map((path) => paths.keptGarbage(path)))) {
    await sql.run(`DELETE FROM openwit_garbage WHERE path IN ${placeholders(list.length)}`, ...list);
  }
}

export async function forgetGarbage(
  sql: SqlSession,
  paths: DataPaths,
  nodeId: string,
  removed: readonly string[],
): Promise<void> {
  for (const list of lists(removed.map((path) => paths.keptGarbage(path)))) {
    await sql.run(
      `DELETE FROM openwit_garbage WHERE node_id = ? AND path IN ${placeholders(list.length)}`,
      nodeId,
      ...list,
    );
  }
}

export async function garbageOf(sql: SqlSession, paths: DataPaths, nodeId: string): Promise<Garbage[]> {
  const rows = await sql.all(
    'SELECT path, since_ms FROM openwit_garbage WHERE node_id = ? ORDER BY since_ms, path',
    nodeId,
  );
  return rows.map((row) => ({
    path: paths.absoluteGarbage(row.path as string),
    sinceMs: row.since_ms as number,
  }));
}

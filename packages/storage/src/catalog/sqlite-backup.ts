import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as sqlite from 'node:sqlite';
import { unfinishedName } from '../file-paths.ts';

/** All pages in one step: a backup in several begins anew whenever another connection has committed. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * Copies a SQLite database as it is at one moment, while others write. The copy is, under its name, whole and durable or
 * not there; what was there before is replaced.
 */
export async function backupSqlite(from: string, to: string): Promise<void> {
  const unfinished = unfinishedName(to);
  await removeDatabase(unfinished);
  const source = new sqlite.DatabaseSync(from, { readOnly: true });
  try {
    // Node 22.15 has no `backup`; there the copy is made in this thread.
    if (sqlite.backup === undefined) source.prepare('VACUUM INTO ?').run(unfinished);
    else await sqlite.backup(source, unfinished, { rate: ALL_PAGES });
  } finally {
    source.close();
  }
  const file = await open(unfinished, 'r+');
  await file.sync();
  await file.close();
  await rename(unfinished, to);
  const folder = await open(dirname(to), 'r');
  await folder.sync();
  await folder.close();
}

async function removeDatabase(path: string): Promise<void> {
  for (const suffix of ['', '-journal', '-wal', '-shm']) await rm(path + suffix, { force: true });
}

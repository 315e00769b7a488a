import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nodeFileSystem, OpenWitError } from '@openwit/ports';
import { makeDurableFolder } from './durable-folder.ts';

/** A data folder that is ours until it is released or the process ends, however it ends. */
export interface DataFolderLock {
  /** Releasing twice does nothing. */
  release(): void;
}

const SQLITE_BUSY = 5;

/**
 * Makes the folder when it is not there and locks it. The lock is SQLite's on an empty file: the kernel drops it with the
 * process, also after `kill -9`, and no file that stays behind means anything.
 * @throws invalid / DATA_DIR_LOCKED when another process, or this one, has it; unavailable / STORE_UNAVAILABLE
 */
export async function lockDataFolder(folder: string): Promise<DataFolderLock> {
  const path = resolve(folder);
  const ownerPath = join(path, 'lock.pid');
  let database: DatabaseSync | undefined;
  try {
    await makeDurableFolder(nodeFileSystem, path);
    database = new DatabaseSync(join(path, 'lock.sqlite'));
    // A journal in memory, so that a full disk does not keep us out.
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw unavailable(path, error);
    const owner = Number(await readFile(ownerPath, 'utf8').catch(() => '0'));
    throw new OpenWitError('invalid', 'DATA_DIR_LOCKED', `the data folder is in use, path=\`${path}\` pid=${owner}`, {
      cause: error,
      details: { path, pid: owner },
    });
  }
  const held = database;
  // Only for the message above, which can do without it: who holds the lock is not decided by it.
  await writeFile(ownerPath, String(process.pid)).catch(() => {});
  return {
    release: () => {
      if (held.isOpen) held.close();
    },
  };
}

function unavailable(path: string, cause: unknown): OpenWitError {
  return new OpenWitError('unavailable', 'STORE_UNAVAILABLE', `the data folder cannot be used, path=\`${path}\``, {
    cause,
  });
}

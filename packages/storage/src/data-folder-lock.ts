import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nodeFileSystem, OpenWitError } from '@openwit/ports';
import { type HeldName, holdFolderName } from './data-folder-lock-name.ts';
import { makeDurableFolder } from './durable-folder.ts';

/** A data folder that is ours until it is released or the process ends, however it ends. */
export interface DataFolderLock {
  /** Releasing twice does nothing. */
  release(): void;
}

const SQLITE_BUSY = 5;

/**
 * Makes the folder when it is not there and locks it. The lock is SQLite's on an empty file, and on Linux a name that the
 * folder gives too: the kernel drops both with the process, also after `kill -9`, and no file that stays behind means
 * anything.
 *
 * POSIX drops all locks that a process has on a file when the process closes any descriptor of it. So a program that copies
 * its own data folder, with `fs.cp` for instance, loses SQLite's locks: this one, for which the name stands in on Linux,
 * and those on `catalog.sqlite`, for which nothing does. Copy the folder from another process.
 * @throws invalid / DATA_DIR_LOCKED when another process, or this one, has it; unavailable / STORE_UNAVAILABLE
 */
export async function lockDataFolder(folder: string): Promise<DataFolderLock> {
  const path = resolve(folder);
  const ownerPath = join(path, 'lock.pid');
  let name: HeldName | undefined;
  let database: DatabaseSync | undefined;
  try {
    await makeDurableFolder(nodeFileSystem, path);
    name = await holdFolderName(path);
    database = new DatabaseSync(join(path, 'lock.sqlite'));
    // Without a journal file it needs no space: a full disk locks too.
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    name?.release();
    if (!isHeld(error)) throw unavailable(path, error);
    const owner = Number(await readFile(ownerPath, 'utf8').catch(() => '0'));
    throw new OpenWitError('invalid', 'DATA_DIR_LOCKED', `the data folder is in use, path=\`${path}\` pid=${owner}`, {
      cause: error,
      details: { path, pid: owner },
    });
  }
  // Only for the message above; who holds the lock is not decided by it, so it may fail.
  await writeFile(ownerPath, String(process.pid)).catch(() => {});
  const held = database;
  const heldName = name;
  return {
    release: () => {
      if (held.isOpen) held.close();
      heldName?.release();
    },
  };
}

function isHeld(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === 'EADDRINUSE' || errcode === SQLITE_BUSY;
}

function unavailable(path: string, cause: unknown): OpenWitError {
  return new OpenWitError('unavailable', 'STORE_UNAVAILABLE', `the data folder cannot be used, path=\`${path}\``, {
    cause,
  });
}

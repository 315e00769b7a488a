import { dirname, join, relative } from 'node:path';
import { type Clock, type FileSystem, OpenWitError, placesOf } from '@openwit/ports';
import { SqliteCatalog } from './catalog/sqlite-catalog.ts';
import { makeDurableFolder } from './durable-folder.ts';
import { unfinishedName } from './file-paths.ts';
import { readBytes } from './objects/file-content.ts';

export interface StoreBackupParts {
  readonly catalog: Pick<SqliteCatalog, 'backup'>;
  readonly clock: Clock;
  readonly fileSystem: FileSystem;
  /** The folder of the Parquet files. */
  readonly dataPath: string;
}

const COPY_BYTES = 8 * 1024 * 1024;

/**
 * Copies the catalog as it is at one moment, and the local files and indexes that it has then, into a folder from which a node can be
 * opened. Where the disk is the same, the files are linked and take no room. The catalog comes last: without it there is no back-up.
 * To be called while no file is removed. @throws invalid / INVALID_CONFIG when there is something in the folder
 */
export async function backupStore(parts: StoreBackupParts, folder: string): Promise<void> {
  const { catalog, clock, fileSystem, dataPath } = parts;
  if ((await fileSystem.list(folder)).length > 0) {
    throw new OpenWitError('invalid', 'INVALID_CONFIG', `the folder of a back-up is not empty, folder=\`${folder}\``);
  }
  await makeDurableFolder(fileSystem, folder);
  const path = join(folder, 'catalog.sqlite');
  const unfinished = unfinishedName(path);
  await catalog.backup(unfinished);
  const copy = await SqliteCatalog.open({ clock }, { path: unfinished, dataPath });
  try {
    // Older snapshots are for who reads the store as it lives.
    await copy.expireSnapshots(Number.MAX_SAFE_INTEGER);
    await copy.forgetGarbage((await copy.garbage()).map((garbage) => garbage.path));
    for (const { tenant, table } of await copy.tables()) {
      for (const file of await copy.files(tenant, table)) {
        if (file.tier !== 'hot') continue;
        for (const path of placesOf(file)) {
          await copyFile(fileSystem, path, join(folder, 'parquet', relative(dataPath, path)));
        }
      }
    }
  } finally {
    await copy.close();
  }
  await fileSystem.rename(unfinished, path);
  await fileSystem.syncFolder(folder);
}

async function copyFile(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  await makeDurableFolder(fileSystem, dirname(to));
  try {
    await fileSystem.link(from, to);
    await fileSystem.syncFolder(dirname(to));
  } catch (error) {
    // Another disk, or one without links.
    if (!['EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await copyBytes(fileSystem, from, to);
  }
}

async function copyBytes(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  const source = await fileSystem.open(from, 'read');
  try {
    const target = await fileSystem.open(unfinishedName(to), 'create');
    try {
      for (let at = 0; ; ) {
        const bytes = await readBytes(source, at, COPY_BYTES);
        if (bytes.length === 0) break;
        await target.write([bytes], at);
        at += bytes.length;
      }
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
  await fileSystem.rename(unfinishedName(to), to);
  await fileSystem.syncFolder(dirname(to));
}

import { dirname } from 'node:path';
import type { FileSystem } from '@openwit/ports';
import { makeDurableFolder } from './durable-folder.ts';
import { unfinishedName } from './file-paths.ts';

/** Writes a file that is, under its name, whole and durable or not there: temporary name, fsync, rename, fsync of the folder. */
export async function writeDurableFile(
  fileSystem: FileSystem,
  path: string,
  parts: readonly Uint8Array[],
): Promise<void> {
  const folder = dirname(path);
  const unfinished = unfinishedName(path);
  await makeDurableFolder(fileSystem, folder);
  await fileSystem.remove(unfinished);
  const file = await fileSystem.open(unfinished, 'create');
  try {
    await file.write(parts, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(unfinished, path);
  await fileSystem.syncFolder(folder);
}

import { basename, dirname } from 'node:path';
import type { FileSystem } from '@openwit/ports';

/** Makes a folder and its parents; when it resolves, their names are durable. */
export async function makeDurableFolder(fileSystem: FileSystem, path: string): Promise<void> {
  const missing = await missingFolders(fileSystem, path);
  await fileSystem.makeFolder(path);
  // The folder's own name is synced even when it was there: whoever made it may have died before.
  const parents = new Set([...missing.map(dirname), dirname(path)]);
  for (const parent of parents) await fileSystem.syncFolder(parent);
}

/** Those that are not there, outermost first. */
async function missingFolders(fileSystem: FileSystem, path: string): Promise<string[]> {
  const parent = dirname(path);
  if (parent === path) return [];
  const siblings = await fileSystem.list(parent);
  if (siblings.some(({ name }) => name === basename(path))) return [];
  return [...(siblings.length > 0 ? [] : await missingFolders(fileSystem, parent)), path];
}

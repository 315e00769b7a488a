import { dirname } from 'node:path';
import type { FileSystem } from '@openwit/ports';

/**
 * Makes a folder and its parents; when it resolves, their names are durable. All of them are synced, also those that
 * were there: whoever made them may have died before.
 */
export async function makeDurableFolder(fileSystem: FileSystem, path: string): Promise<void> {
  await fileSystem.makeFolder(path);
  for (const parent of parentsOf(path)) await fileSystem.syncFolder(parent).catch(unlessForeign);
}

/** Outermost first. */
function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...parentsOf(parent), parent];
}

/** A folder that we may not even read holds no name that we made. */
function unlessForeign(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EACCES' && error.code !== 'EPERM') throw error;
}

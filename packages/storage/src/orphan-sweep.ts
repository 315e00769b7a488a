import { join } from 'node:path';
import type { FileSystem } from '@openwit/ports';

/**
 * Removes what a crash left in this node's folders: unfinished files, and files and indexes that were never committed. The
 * records are still in the log. Must run before the first file is written.
 * @param committed the paths of all files and indexes in the catalog
 * @returns how many files were removed
 */
export async function sweepOrphans(
  fileSystem: FileSystem,
  dataPath: string,
  nodeId: string,
  committed: ReadonlySet<string>,
): Promise<number> {
  let removed = 0;
  for await (const path of filesOf(fileSystem, dataPath, nodeId, false)) {
    if (committed.has(path)) continue;
    await fileSystem.remove(path);
    removed++;
  }
  return removed;
}

/** Only the folders that carry the node's name: others belong to other nodes, and perhaps to a commit under way. */
async function* filesOf(
  fileSystem: FileSystem,
  folder: string,
  nodeId: string,
  isOwn: boolean,
): AsyncGenerator<string> {
  for (const { name, isFolder } of await fileSystem.list(folder)) {
    const path = join(folder, name);
    if (isFolder) yield* filesOf(fileSystem, path, nodeId, isOwn || name === nodeId);
    else if (isOwn && /\.(parquet|index)(\.tmp)?$/.test(name)) yield path;
  }
}

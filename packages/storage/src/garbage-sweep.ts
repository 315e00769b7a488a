import type { Catalog, FileSystem } from '@openwit/ports';
import type { TenantTables } from './tenant-tables.ts';

export interface GarbageParts {
  readonly catalog: Pick<Catalog, 'garbage' | 'forgetGarbage'>;
  readonly fileSystem: Pick<FileSystem, 'remove'>;
  readonly tables: TenantTables;
}

/**
 * Removes the files that no snapshot of the catalog has any more, but for those that a query of this node still reads.
 * @returns how many are left
 */
export async function sweepGarbage({ catalog, fileSystem, tables }: GarbageParts): Promise<number> {
  const garbage = await catalog.garbage();
  if (garbage.length === 0) return 0;
  const pinned = new Set([...tables].flatMap(({ versions }) => [...versions.pinnedFiles()].map(({ path }) => path)));
  const unread = garbage.map(({ path }) => path).filter((path) => !pinned.has(path));
  for (const path of unread) await fileSystem.remove(path);
  // Only now: a file whose removal was not heard of is removed once more.
  if (unread.length > 0) await catalog.forgetGarbage(unread);
  return garbage.length - unread.length;
}

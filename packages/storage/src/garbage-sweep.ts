import type { Catalog } from '@openwit/ports';
import type { TenantTables } from './tenant-tables.ts';
import type { FilePlaces } from './tiers/file-places.ts';

/** No path is empty. */
const EVERY_PATH = '';

/** Paths that something is being done with: they are not to be removed now, whatever the catalog says. */
export class BusyPaths {
  readonly #counts = new Map<string, number>();

  /** @returns to be called when it is done; calling it twice does nothing */
  take(paths: readonly string[]): () => void {
    let held: readonly string[] = paths;
    for (const path of paths) this.#counts.set(path, (this.#counts.get(path) ?? 0) + 1);
    return () => {
      for (const path of held) {
        const count = this.#counts.get(path)! - 1;
        if (count === 0) this.#counts.delete(path);
        else this.#counts.set(path, count);
      }
      held = [];
    };
  }

  /** Of every path. @returns as {@link take} */
  takeAll(): () => void {
    return this.take([EVERY_PATH]);
  }

  has(path: string): boolean {
    return this.#counts.has(path) || this.#counts.has(EVERY_PATH);
  }
}

export interface GarbageParts {
  readonly catalog: Pick<Catalog, 'garbage' | 'forgetGarbage'>;
  readonly places: Pick<FilePlaces, 'remove'>;
  readonly tables: TenantTables;
  readonly busy: BusyPaths;
}

/**
 * Removes the files that no snapshot of the catalog has any more, but for those that a query of this node still reads.
 * @returns how many are left
 */
export async function sweepGarbage({ catalog, places, tables, busy }: GarbageParts): Promise<number> {
  const garbage = await catalog.garbage();
  if (garbage.length === 0) return 0;
  const pinned = new Set([...tables].flatMap(({ versions }) => [...versions.pinnedFiles()].map(({ path }) => path)));
  const unread = garbage.map(({ path }) => path).filter((path) => !pinned.has(path) && !busy.has(path));
  if (unread.length === 0) return garbage.length;
  await places.remove(unread);
  // Only now: a file whose removal was not heard of is removed once more.
  await catalog.forgetGarbage(unread);
  return garbage.length - unread.length;
}

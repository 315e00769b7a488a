import { type Catalog, placesOf } from '@openwit/ports';
import type { TenantTables } from './tenant-tables.ts';
import type { FilePlaces } from './tiers/file-places.ts';

/** No path is empty. */
const EVERY_PATH = '';

/** Paths that something is being done with: they are not to be removed now, whatever the catalog says. */
export class BusyPaths {
  readonly #counts = new Map<string, number>();
  readonly #watches = new Set<Set<string>>();

  /** @returns to be called when it is done; calling it twice does nothing */
  take(paths: readonly string[]): () => void {
    let held: readonly string[] = paths;
    for (const path of paths) {
      this.#counts.set(path, (this.#counts.get(path) ?? 0) + 1);
      for (const watched of this.#watches) watched.add(path);
    }
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

  /** Keeps in mind which paths are busy at any time from now on until its end. */
  watch(): { readonly has: (path: string) => boolean; readonly end: () => void } {
    const watched = new Set(this.#counts.keys());
    this.#watches.add(watched);
    return {
      has: (path) => watched.has(path) || watched.has(EVERY_PATH),
      end: () => void this.#watches.delete(watched),
    };
  }
}

export interface GarbageParts {
  readonly catalog: Pick<Catalog, 'garbage' | 'forgetGarbage'>;
  readonly places: Pick<FilePlaces, 'remove'>;
  readonly tables: TenantTables;
  readonly busy: BusyPaths;
}

export interface Sweep {
  readonly removed: number;
  /** Paths that are garbage still: a query reads them, something is being done with them, or they could not be removed. */
  readonly left: ReadonlySet<string>;
  /** Why some of those could not be removed. */
  readonly failed: ReadonlyMap<string, unknown>;
}

/**
 * Removes the files that no snapshot of the catalog has any more, but for those that a query of this node still reads. Aborting
 * the signal rejects it with the signal's reason.
 * @param isWaiting those of which nothing is to be tried now
 */
export async function sweepGarbage(
  parts: GarbageParts,
  signal: AbortSignal,
  isWaiting: (path: string) => boolean = () => false,
): Promise<Sweep> {
  const { catalog, places, busy } = parts;
  // From before the list is read: what ends meanwhile may have taken a path of the list into a table.
  const watch = busy.watch();
  try {
    const all = (await catalog.garbage()).map(({ path }) => path);
    const left = new Set(all);
    const pinned = pinnedPaths(parts);
    const unread = all.filter((path) => !pinned.has(path) && !watch.has(path) && !isWaiting(path));
    if (unread.length === 0) return { removed: 0, left, failed: new Map() };
    const release = busy.take(unread);
    try {
      const { removed, failed } = await places.remove(unread, signal);
      // Only now: a file whose removal was not heard of is removed once more.
      if (removed.size > 0) await catalog.forgetGarbage([...removed]);
      for (const path of removed) left.delete(path);
      return { removed: removed.size, left, failed };
    } finally {
      release();
    }
  } finally {
    watch.end();
  }
}

/** The current ones too: the answer to a commit that ended them may not have come yet. */
function pinnedPaths({ tables }: GarbageParts): ReadonlySet<string> {
  const all = [...tables].flatMap(({ versions }) => [...versions.pinnedFiles(), ...versions.current.files]);
  return new Set(all.flatMap(placesOf));
}

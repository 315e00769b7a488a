import { dirname, join, relative, sep } from 'node:path';
import { type FileSystem, type ObjectStore, OpenWitError, type Tier } from '@openwit/ports';
import { unfinishedName } from '../file-paths.ts';
import type { ColdCache } from './cold-cache.ts';

/** The stores of the tiers beyond the local disk. */
export interface TierStores {
  readonly cold?: ObjectStore;
  readonly archive?: ObjectStore;
}

export interface FilePlacesParts {
  readonly fileSystem: Pick<FileSystem, 'remove' | 'syncFolder'>;
  readonly stores: TierStores;
  readonly copies?: Pick<ColdCache, 'forget'> | undefined;
}

/** An object by its store and key. */
export interface PlacedObject {
  readonly store: ObjectStore;
  readonly key: string;
}

/** Where the files of all tiers are. A file has the same key in every store: its path below the data path. */
export class FilePlaces {
  readonly #fileSystem: Pick<FileSystem, 'remove' | 'syncFolder'>;
  /** Each of the tiers' stores once. */
  readonly stores: readonly ObjectStore[];
  readonly #byTier: TierStores;
  readonly #copies: Pick<ColdCache, 'forget'> | undefined;
  readonly #dataPath: string;

  /** @param copies what is kept here of objects, which goes with them */
  constructor({ fileSystem, stores, copies }: FilePlacesParts, dataPath: string) {
    this.#fileSystem = fileSystem;
    this.#copies = copies;
    this.#byTier = stores;
    const all = [stores.cold, stores.archive].filter((store) => store !== undefined);
    this.stores = all.filter(({ url }, i) => all.findIndex((other) => other.url === url) === i);
    this.#dataPath = dataPath;
  }

  has(tier: Exclude<Tier, 'hot'>): boolean {
    return this.#byTier[tier] !== undefined;
  }

  /** The object at a URL. Undefined for a local path. @throws invalid / INVALID_CONFIG when no store has the URL */
  objectAt(path: string): PlacedObject | undefined {
    const store = this.stores.find(({ url }) => path.startsWith(`${url}/`));
    if (store !== undefined) return { store, key: path.slice(store.url.length + 1) };
    if (!path.includes('://')) return undefined;
    throw new OpenWitError('invalid', 'INVALID_CONFIG', `no tier has the store of a file, path=\`${path}\``);
  }

  /** What a file will be as an object of a tier, wherever it is now. */
  objectFor(path: string, tier: Exclude<Tier, 'hot'>): PlacedObject & { readonly url: string } {
    const store = this.#byTier[tier];
    if (store === undefined) throw new OpenWitError('invalid', 'INVALID_CONFIG', `there is no ${tier} tier`);
    const key = this.objectAt(path)?.key ?? relative(this.#dataPath, path).split(sep).join('/');
    return { store, key, url: `${store.url}/${key}` };
  }

  /** Where an object belongs on the local disk. */
  localPath(key: string): string {
    return join(this.#dataPath, ...key.split('/'));
  }

  /**
   * Removes what is at these paths and URLs, finished or not; what is not there is no error. When it resolves, nothing of it
   * comes back with a power cut.
   */
  async remove(paths: readonly string[]): Promise<void> {
    const keys = new Map<ObjectStore, string[]>();
    const folders = new Set<string>();
    for (const path of paths) {
      const object = this.objectAt(path);
      if (object === undefined) {
        await this.#fileSystem.remove(path);
        await this.#fileSystem.remove(unfinishedName(path));
        folders.add(dirname(path));
      } else keys.set(object.store, [...(keys.get(object.store) ?? []), object.key]);
    }
    for (const folder of folders) await this.#fileSystem.syncFolder(folder).catch(unlessMissing);
    for (const [store, list] of keys) {
      await store.remove(list);
      await this.#copies?.forget(list.map((key) => `${store.url}/${key}`));
    }
  }
}

/** A folder that is not there has nothing that could come back. */
function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

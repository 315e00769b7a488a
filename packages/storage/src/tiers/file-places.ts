import { join, relative, sep } from 'node:path';
import { type FileSystem, type ObjectStore, OpenWitError, type Tier } from '@openwit/ports';
import type { ColdCache } from './cold-cache.ts';
import { FileRemoval, type Removal } from './file-removal.ts';

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
   * Removes what is at these paths and URLs, finished or not; what is not there is no error. Nothing of what was removed comes back
   * with a power cut. When the signal is aborted it rejects with the signal's reason, and any of it may be gone.
   */
  async remove(paths: readonly string[], signal?: AbortSignal): Promise<Removal> {
    const removal = new FileRemoval(signal);
    const local: string[] = [];
    const remote = new Map<ObjectStore, string[]>(this.stores.map((store) => [store, []]));
    for (const path of paths) {
      try {
        const object = this.objectAt(path);
        (object === undefined ? local : remote.get(object.store)!).push(path);
      } catch (error) {
        removal.failed.set(path, error);
      }
    }
    await removal.files(this.#fileSystem, local);
    for (const [store, urls] of remote) if (urls.length > 0) await removal.objects(store, urls);
    const gone = [...remote.values()].flat().filter((url) => removal.removed.has(url));
    for (const [url, error] of (await this.#copies?.forget(gone)) ?? []) removal.hasLeft(url, error);
    return removal;
  }
}

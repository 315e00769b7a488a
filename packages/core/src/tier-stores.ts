import type { Clock, FileSystem, ObjectStore, Random } from '@openwit/ports';
import { DiskObjectStore, metered, RequestCounts, retrying, type TierStores } from '@openwit/storage';
import { type AzureStoreSettings, azureStore } from '@openwit/storage/azure';
import { type GcsStoreSettings, gcsStore } from '@openwit/storage/gcs';
import { type S3StoreSettings, s3Store } from '@openwit/storage/s3';

/** Where a tier keeps its files: a folder, a bucket or a container, or a store of your own. */
export type TierOption =
  | { readonly type: 'folder'; readonly folder: string }
  | ({ readonly type: 's3' } & S3StoreSettings)
  | ({ readonly type: 'gcs' } & GcsStoreSettings)
  | ({ readonly type: 'azure' } & AzureStoreSettings)
  | ObjectStore;

export const TIER_TYPES = ['folder', 's3', 'gcs', 'azure'] as const;

export interface TierStoreParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly fileSystem: FileSystem;
}

/** The stores of a node's tiers. Requests are counted, and sent again when they fail. */
export class NodeTiers {
  readonly stores: TierStores;
  readonly requests: RequestCounts = new RequestCounts();

  constructor({ cold, archive }: { readonly cold?: TierOption; readonly archive?: TierOption }, parts: TierStoreParts) {
    const store = (option: TierOption) => retrying(metered(storeOf(option, parts), this.requests.add), parts);
    this.stores = {
      ...(cold !== undefined && { cold: store(cold) }),
      ...(archive !== undefined && { archive: store(archive) }),
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.stores.cold?.close(), this.stores.archive?.close()]);
  }
}

function storeOf(option: TierOption, parts: TierStoreParts): ObjectStore {
  if (!('type' in option)) return option;
  switch (option.type) {
    case 'folder':
      return new DiskObjectStore(parts, { folder: option.folder });
    case 's3':
      return s3Store(option);
    case 'gcs':
      return gcsStore(option);
    case 'azure':
      return azureStore(option);
  }
}

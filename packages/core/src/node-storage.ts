import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  isOpenWitError,
  nodeFileSystem,
  type ObjectOperation,
  OpenWitError,
  systemClock,
  systemRandom,
  type TableName,
  type TableUsage,
  type WriteAheadLog,
} from '@openwit/ports';
import type { QuerySettings } from '@openwit/query';
import {
  backupStore,
  ColdCache,
  DiskReserve,
  type IndexingOptions,
  LsmStore,
  lockDataFolder,
  type MatchRows,
  MemoryStore,
  MemoryWal,
  type RequestCount,
  SegmentedWal,
  SqliteCatalog,
  type StoreStats,
} from '@openwit/storage';
import { closeAll } from './close-all.ts';
import type { IngestStore } from './ingest/open-batches.ts';
import { limitOf } from './ingest/tenant-limits.ts';
import type { OpenWitOptions } from './open-wit-options.ts';
import { NodeTiers } from './tier-stores.ts';

/** Searches files and rows, and indexes files, each in a thread of its own. */
export const INDEX_MODULE: string = import.meta.resolve('@openwit/index');
/** Reads few rows of files, in the thread of queries. */
export const ROW_MODULE: string = import.meta.resolve('@openwit/storage/rows');

/** What a node needs of its store. */
export interface NodeStore extends IngestStore {
  /** See {@link LsmStore.deleteTenant}. */
  deleteTenant(tenant: string): Promise<void>;
  /** See {@link LsmStore.usage}. */
  usage(): TableUsage[];
  stats(): StoreStats;
  /** See {@link LsmStore.deleteRows}. */
  deleteRows(tenant: string, table: TableName, match: MatchRows, signal?: AbortSignal): Promise<number>;
}

/** What a node keeps its records in. */
export interface NodeStorage {
  readonly wal: WriteAheadLog;
  readonly store: NodeStore;
  /** A batch id that was never used. */
  readonly nextBatchId: number;
  /** What of the disk DuckDB may touch. */
  readonly folders: Required<Pick<QuerySettings, 'dataDirs'>> & Pick<QuerySettings, 'tempDir'>;
  /** Requests to the stores of its tiers since it was opened. */
  objectRequests(): Partial<Record<ObjectOperation, RequestCount>>;
  /** Copies what is in files to a folder. @throws invalid / INVALID_CONFIG; unavailable / STORE_UNAVAILABLE */
  backup(folder: string, flush: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** How much a `:memory:` node may hold is the ingestor's limit, which answers before the store has to. */
export function openMemoryStorage(): NodeStorage {
  const wal = new MemoryWal();
  const store = new MemoryStore({}, { maxBytes: Number.MAX_SAFE_INTEGER });
  const backup = async () => {
    throw new OpenWitError('invalid', 'INVALID_CONFIG', 'a node in memory is not backed up');
  };
  return {
    wal,
    store,
    nextBatchId: wal.nextBatchId,
    folders: { dataDirs: [] },
    objectRequests: () => ({}),
    backup,
    close: () => wal.close(),
  };
}

/** `catalog.sqlite`, `wal/`, `parquet/` and `tmp/` in the data folder, which one process owns at a time. */
export async function openDiskStorage(options: OpenWitOptions): Promise<NodeStorage> {
  const reserve = new DiskReserve(options.dataDir);
  const storage = await openParts(options).catch(async (error: unknown) => {
    const canRetry = isOpenWitError(error) && error.code === 'STORE_UNAVAILABLE' && (await reserve.release());
    if (!canRetry) throw error;
    return openParts(options);
  });
  await reserve.keep();
  return storage;
}

function indexingOf({ indexing: { enabled = true, ...options } = {} }: OpenWitOptions): IndexingOptions {
  return enabled ? { module: INDEX_MODULE, ...options } : {};
}

async function openParts(options: OpenWitOptions): Promise<NodeStorage> {
  const { clock = systemClock, random = systemRandom, fileSystem = nodeFileSystem, dataDir } = options;
  const opened: (() => Promise<void> | void)[] = [];
  const close = () => closeAll(opened.splice(0).reverse());
  try {
    const lock = await lockDataFolder(dataDir);
    opened.push(() => lock.release());
    const dataPath = join(dataDir, 'parquet');
    const tempDir = resolve(dataDir, 'tmp');
    await rm(tempDir, { recursive: true, force: true });
    const catalog = await SqliteCatalog.open({ clock, random }, { path: join(dataDir, 'catalog.sqlite'), dataPath });
    opened.push(() => catalog.close());
    const onForgotten = (batchIds: readonly number[]) => {
      // Ranges that stay for lack of this are only more to read at the next start.
      catalog.forgetRanges(batchIds).catch(() => {});
    };
    const wal = await SegmentedWal.open(
      { fileSystem, random },
      { folder: join(dataDir, 'wal'), onForgotten, ...options.wal },
    );
    opened.push(() => wal.close());
    for (const range of await catalog.committedRanges()) wal.release(range);
    const { cold, archive, cache: cacheOptions, ...tiering } = options.tiers ?? {};
    const tiers = new NodeTiers(
      { ...(cold !== undefined && { cold }), ...(archive !== undefined && { archive }) },
      { clock, random, fileSystem },
    );
    opened.push(() => tiers.close());
    const limits = options.tenants?.limits ?? [];
    const maxAttributeColumns = (tenant: string) => limitOf(limits, tenant).maxAttributeColumns;
    const stores = Object.values(tiers.stores);
    const cacheDir = resolve(dataDir, 'cache');
    const coldFiles =
      stores.length === 0
        ? undefined
        : await ColdCache.open({ stores, fileSystem }, { folder: cacheDir, ...cacheOptions });
    opened.push(() => coldFiles?.close());
    const store = await LsmStore.open(
      {
        catalog,
        fileSystem,
        clock,
        random,
        tiers: tiers.stores,
        ...(coldFiles !== undefined && { coldFiles }),
        onCommitted: (range) => wal.release(range),
      },
      {
        dataPath,
        tempDir: join(tempDir, 'merge'),
        nodeId: catalog.nodeId,
        maxAttributeColumns,
        ...options.storage,
        ...tiering,
        indexing: indexingOf(options),
      },
    );
    opened.push(() => store.close());
    const nextBatchId = Math.max(wal.nextBatchId, await catalog.nextBatchId());
    const backup = async (folder: string, flush: () => Promise<void>) => {
      const letGo = store.holdFiles();
      try {
        await flush();
        await backupStore({ catalog, clock, fileSystem, dataPath: resolve(dataPath) }, resolve(folder));
      } finally {
        letGo();
      }
    };
    return {
      wal,
      store,
      nextBatchId,
      folders: { dataDirs: [resolve(dataPath), ...(coldFiles === undefined ? [] : [cacheDir])], tempDir },
      objectRequests: () => tiers.requests.byOperation(),
      backup,
      close,
    };
  } catch (error) {
    await close().catch(() => {}); // the first error tells more
    throw error;
  }
}

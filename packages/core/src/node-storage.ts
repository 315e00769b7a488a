import { join } from 'node:path';
import { nodeFileSystem, systemClock, systemRandom, type WriteAheadLog } from '@openwit/ports';
import { LsmStore, lockDataFolder, MemoryStore, MemoryWal, SegmentedWal, SqliteCatalog } from '@openwit/storage';
import type { IngestStore } from './ingest/ingestor.ts';
import type { OpenWitOptions } from './open-wit-options.ts';

/** What a node keeps its records in. */
export interface NodeStorage {
  readonly wal: WriteAheadLog;
  readonly store: IngestStore;
  /** A batch id that was never used. */
  readonly nextBatchId: number;
  close(): Promise<void>;
}

export function openMemoryStorage(): NodeStorage {
  const wal = new MemoryWal();
  const store = new MemoryStore();
  return { wal, store, nextBatchId: 0, close: () => wal.close() };
}

/** `catalog.sqlite`, `wal/` and `parquet/` in the data folder, which one process owns at a time. */
export async function openDiskStorage(options: OpenWitOptions): Promise<NodeStorage> {
  const { clock = systemClock, random = systemRandom, fileSystem = nodeFileSystem } = options;
  const dataPath = join(options.dataDir, 'parquet');
  const opened: { close(): Promise<void> | void }[] = [];
  const close = async () => {
    for (const part of opened.reverse()) await part.close();
  };
  try {
    await fileSystem.makeFolder(options.dataDir);
    opened.push(lockDataFolder(options.dataDir));
    const catalog = await SqliteCatalog.open(
      { clock, random },
      { path: join(options.dataDir, 'catalog.sqlite'), dataPath },
    );
    opened.push(catalog);
    const wal = await SegmentedWal.open(
      { fileSystem, clock },
      { folder: join(options.dataDir, 'wal'), ...options.wal },
    );
    opened.push(wal);
    for (const range of await catalog.committedRanges()) wal.release(range);
    const store = await LsmStore.open(
      { catalog, fileSystem, clock, onCommitted: (range) => wal.release(range) },
      { dataPath, ...options.storage },
    );
    opened.push(store);
    return { wal, store, nextBatchId: Math.max(wal.nextBatchId, await catalog.nextBatchId()), close };
  } catch (error) {
    await close();
    throw error;
  }
}

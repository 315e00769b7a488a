import { dirname, join } from 'node:path';
import {
  type Catalog,
  type Clock,
  type DataFile,
  type FileSystem,
  isOpenWitError,
  OpenWitError,
  type Random,
  type Snapshot,
  sleep,
  type TableName,
} from '@openwit/ports';
import type { FileMerger } from '../compaction/file-merger.ts';
import { finishFile, replaceFiles } from '../compaction/replace-files.ts';
import { makeDurableFolder } from '../durable-folder.ts';
import { dayFolder, stableFileName } from '../file-paths.ts';
import type { BusyPaths } from '../garbage-sweep.ts';
import type { TableSync } from '../table-sync.ts';
import type { TenantTables } from '../tenant-tables.ts';

/** The numbers of the rows of a file that are to go, from 0. The snapshot has the file. */
export type MatchRows = (snapshot: Snapshot, file: DataFile) => Promise<readonly number[]>;

export interface RowRemovalParts {
  readonly catalog: Catalog;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly merger: Pick<FileMerger, 'merge'>;
  readonly tables: TenantTables;
  readonly busy: BusyPaths;
  readonly sync: TableSync;
  /** Called after each file, when snapshots do not show its rows any more. */
  readonly onRemoved: () => void;
  /** Called when a file is over: what it announced and did not write stays. */
  readonly onLeft: () => void;
}

export interface RowRemovalSettings {
  readonly dataPath: string;
  readonly nodeId: string;
  readonly minShare: number;
}

const RETRY_MS = 1000;
const ALL_TIME = { fromNs: 0n, toNs: 2n ** 63n };

/** Writes the files of a table anew without some of their rows. Files that lie elsewhere come back to the local disk for it. */
export class RowRemoval {
  readonly #parts: RowRemovalParts;
  readonly #settings: RowRemovalSettings;

  constructor(parts: RowRemovalParts, settings: RowRemovalSettings) {
    this.#parts = parts;
    this.#settings = settings;
  }

  /**
   * To be called while no file is merged. What is too much for the moment is tried again until it is not.
   * @param signal ends it before the next file
   * @returns how many rows went
   */
  async run(tenant: string, table: TableName, match: MatchRows, signal?: AbortSignal): Promise<number> {
    let removed = 0;
    for (const { fileId } of this.#parts.tables.table(tenant, table).current.files) {
      removed += await this.#patiently(() => this.#removeFrom(tenant, table, fileId, match), signal);
    }
    return removed;
  }

  async #patiently<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      signal?.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        if (!isOpenWitError(error) || error.kind !== 'overloaded') throw error;
        await sleep(this.#parts.clock, error.retryAfterMs ?? RETRY_MS, signal);
      }
    }
  }

  /** In a snapshot of its own: what is read of a file that lies elsewhere takes room until the snapshot is released. */
  async #removeFrom(tenant: string, table: TableName, fileId: number, match: MatchRows): Promise<number> {
    const snapshot = this.#parts.tables.snapshot(tenant, [table]);
    try {
      const file = snapshot.tables.get(table)!.files.find((one) => one.fileId === fileId);
      if (file === undefined) return 0; // too old meanwhile
      const rows = await match(snapshot, file);
      return rows.length === 0 ? 0 : await this.#rewrite(tenant, table, snapshot, file, rows);
    } catch (error) {
      if (isOpenWitError(error)) throw error;
      throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'a file cannot be written anew', { cause: error });
    } finally {
      snapshot.release();
    }
  }

  async #rewrite(
    tenant: string,
    table: TableName,
    snapshot: Snapshot,
    file: DataFile,
    rows: readonly number[],
  ): Promise<number> {
    const { catalog, fileSystem, merger, random, busy, sync, onRemoved, onLeft } = this.#parts;
    const { dataPath, nodeId, minShare } = this.#settings;
    const folder = dayFolder({ tenant, table }, file.minTimestampNs, nodeId);
    const output = { ...ALL_TIME, path: join(dataPath, folder, stableFileName(random)) };
    await makeDurableFolder(fileSystem, dirname(output.path));
    const { fieldIds, attributeColumns } = await catalog.openTable(tenant, table);
    const input = { ...file, path: await localPath(snapshot, file), withoutRows: rows };
    const request = { table, inputs: [input], outputs: [output], fieldIds, attributeColumns, minShare };
    const letGo = busy.take([output.path]);
    try {
      await catalog.announce([output.path]);
      const merged = rows.length === file.rows ? [] : await merger.merge(request);
      // Only what comes of a batch is of generation 0.
      const generation = Math.max(1, file.generation);
      const files = merged.map((made) => ({ ...made, tier: 'hot' as const, generation }));
      for (const { path } of files) await finishFile(fileSystem, path);
      await replaceFiles(this.#parts, { tenant, table, gone: [file], files });
      onRemoved();
    } catch (error) {
      sync.doubt(tenant, table);
      await sync.run();
      throw error;
    } finally {
      letGo();
      onLeft();
    }
    return rows.length;
  }
}

async function localPath(snapshot: Snapshot, file: DataFile): Promise<string> {
  if (file.tier === 'hot') return file.path;
  const paths = await snapshot.localise!([{ file, columns: 'all' }]);
  return paths.get(file.fileId)!;
}

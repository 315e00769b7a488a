import { dirname } from 'node:path';
import {
  type BuiltIndex,
  type Catalog,
  type Clock,
  type DataFile,
  type FileIndex,
  type FileSystem,
  INDEX_VERSION,
  type IndexedColumn,
  indexPath,
  isOpenWitError,
  OpenWitError,
  type Random,
  randomHex,
  type Snapshot,
  type TableName,
} from '@openwit/ports';
import { Backoffs } from '../backoffs.ts';
import { finishFile } from '../compaction/replace-files.ts';
import { makeDurableFolder } from '../durable-folder.ts';
import { unfinishedName } from '../file-paths.ts';
import type { BusyPaths } from '../garbage-sweep.ts';
import type { Chore } from '../maintenance.ts';
import { fileContent } from '../objects/file-content.ts';
import type { TableSync } from '../table-sync.ts';
import type { TenantTables } from '../tenant-tables.ts';
import type { FilePlaces, PlacedObject } from '../tiers/file-places.ts';
import type { IndexBuilder } from './index-builder.ts';
import { EVENT_NAMES, type IndexingRule, indexedColumns, indexingOf } from './indexed-columns.ts';
import { type IndexedTable, type PlannedIndex, planIndexes } from './plan-indexes.ts';

export interface IndexingParts {
  readonly catalog: Catalog;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly builder: Pick<IndexBuilder, 'build'>;
  readonly tables: TenantTables;
  readonly places: Pick<FilePlaces, 'objectAt' | 'localPath'>;
  readonly busy: BusyPaths;
  readonly sync: Pick<TableSync, 'doubt'>;
  /** Called when snapshots show an index that they did not, or do not any more. */
  readonly onChanged: () => void;
  /** Called when an index has come to nothing: what was announced may stay. */
  readonly onLeft: () => void;
}

export interface IndexingSettings {
  readonly rules: readonly IndexingRule[];
  /** How long a merged file must have been there before it is indexed, in milliseconds: it may be merged again. Default 30,000. */
  readonly delayMs: number;
  /** Files as large as this do not wait, in bytes. */
  readonly stableBytes: number;
}

export interface IndexingStats {
  /** Indexes that were built. */
  readonly built: number;
  /** Rows that they are of. */
  readonly rows: number;
  readonly bytesWritten: number;
  /** Indexes that a query found missing or damaged. Each is built anew. */
  readonly damaged: number;
  readonly failures: number;
  /** Why the last one failed; undefined when the last one succeeded. */
  readonly lastError: unknown;
}

export const NO_INDEXING: IndexingStats = {
  built: 0,
  rows: 0,
  bytesWritten: 0,
  damaged: 0,
  failures: 0,
  lastError: undefined,
};

const LONGEST_RETRY_MS = 10 * 60 * 1000;
const NAME_BYTES = 4;

/**
 * Builds the indexes of files that were merged, one after the other. A file is read without its index until it has one; one that
 * cannot be indexed waits, and keeps no other back.
 */
export class Indexing implements Chore {
  readonly #parts: IndexingParts;
  readonly #settings: IndexingSettings;
  /** When a file came into its table, by the monotonic clock; those of before the start are old. */
  readonly #since = new Map<number, number>();
  /** By file id. */
  readonly #failed: Backoffs<number>;
  /** Files that have nothing to index. */
  readonly #empty = new Set<number>();
  /** Files whose index was found damaged, by their ids. */
  readonly #damaged = new Map<
    number,
    { readonly tenant: string; readonly table: TableName; readonly index: FileIndex }
  >();
  readonly #givenUp = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #stats = NO_INDEXING;

  constructor(parts: IndexingParts, settings: IndexingSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#failed = new Backoffs(parts.clock);
  }

  get stats(): IndexingStats {
    return this.#stats;
  }

  /** To be told of every file that comes into a table. */
  added(files: readonly DataFile[]): void {
    for (const { fileId, generation } of files) {
      if (generation > 0) this.#since.set(fileId, this.#parts.clock.monotonic());
    }
  }

  /** A query found that this index is not what it should be, or not there. It is built anew. */
  isDamaged(tenant: string, table: TableName, { fileId, index }: DataFile): void {
    if (index !== undefined) this.#damaged.set(fileId, { tenant, table, index });
  }

  /** Nothing begins any more, and what is under way comes to nothing. */
  giveUp(): void {
    this.#givenUp.abort();
  }

  run(): Promise<void> {
    return this.#inTurn(this.#settings.delayMs);
  }

  /** Builds what is missing, also of files that may be merged again. Those that fail are left for later. */
  finish(): Promise<void> {
    return this.#inTurn(0);
  }

  failed(error: unknown): void {
    this.#stats = { ...this.#stats, failures: this.#stats.failures + 1, lastError: error };
  }

  #inTurn(delayMs: number): Promise<void> {
    const done = this.#running.then(() => this.#run(delayMs));
    this.#running = done.catch(() => {});
    return done;
  }

  async #run(delayMs: number): Promise<void> {
    await this.#dropDamaged();
    for (const planned of this.#plan(delayMs)) {
      if (this.#givenUp.signal.aborted) return;
      const { fileId } = planned.file;
      try {
        await this.#index(planned);
        this.#failed.succeeded(fileId);
      } catch (error) {
        if (this.#givenUp.signal.aborted) return;
        this.#failed.failed(fileId, LONGEST_RETRY_MS);
        if (!isConflict(error)) this.failed(error);
      }
    }
  }

  /** The file is read without it from now on; then it is one that lacks its index. */
  async #dropDamaged(): Promise<void> {
    for (const [fileId, { tenant, table, index }] of this.#damaged) {
      const file = this.#parts.tables.table(tenant, table).current.files.find((one) => one.fileId === fileId);
      if (file?.index?.name === index.name) {
        await this.#setIndex(tenant, table, file, undefined);
        this.#stats = { ...this.#stats, damaged: this.#stats.damaged + 1 };
      }
      this.#damaged.delete(fileId);
    }
  }

  #plan(delayMs: number): PlannedIndex[] {
    const { clock, tables } = this.#parts;
    const { stableBytes } = this.#settings;
    const all = [...tables].map(({ tenant, table, versions }) => ({ tenant, table, files: versions.current.files }));
    this.#forgetAllBut(all);
    const now = clock.monotonic();
    const ageMs = ({ fileId }: DataFile) => now - (this.#since.get(fileId) ?? -Infinity);
    return planIndexes(all, { stableBytes, delayMs, ageMs }).filter(
      ({ file: { fileId } }) => !this.#failed.isWaiting(fileId) && !this.#empty.has(fileId),
    );
  }

  #forgetAllBut(tables: readonly IndexedTable[]): void {
    if (this.#since.size + this.#empty.size + this.#failed.size === 0) return;
    const ids = new Set(tables.flatMap(({ files }) => files.map(({ fileId }) => fileId)));
    for (const known of [this.#since, this.#empty]) {
      for (const fileId of known.keys()) if (!ids.has(fileId)) known.delete(fileId);
    }
    this.#failed.keep(ids);
  }

  async #index({ tenant, table, file: planned }: PlannedIndex): Promise<void> {
    const { tables, catalog, fileSystem, random, places, busy, onLeft } = this.#parts;
    const snapshot = tables.snapshot(tenant, [table]);
    const version = snapshot.tables.get(table)!;
    const file = version.files.find(({ fileId }) => fileId === planned.fileId);
    const letGo: (() => void)[] = [snapshot.release];
    try {
      if (file === undefined || file.path !== planned.path) return; // it was merged or moved meanwhile
      const columns = indexedColumns(indexingOf(this.#settings.rules, tenant, table), file, version.attributeColumns);
      const name = randomHex(random, NAME_BYTES);
      const path = indexPath(file.path, { name });
      const object = places.objectAt(path);
      const localPath = object === undefined ? path : places.localPath(object.key);
      const paths = object === undefined ? [path] : [path, localPath];
      letGo.push(busy.take(paths));
      await makeDurableFolder(fileSystem, dirname(localPath));
      // What becomes of it no matter how it ends: a file's index, or garbage.
      await catalog.announce(paths);
      const source = { path: await this.#localCopy(snapshot, file, columns), rows: file.rows };
      const built = await this.#parts.builder.build({ file: source, columns, path: localPath });
      if (built === undefined) {
        this.#empty.add(file.fileId);
        return;
      }
      await this.#place(localPath, object, built);
      await this.#setIndex(tenant, table, file, { name, version: INDEX_VERSION, ...built });
      const { built: count, rows, bytesWritten } = this.#stats;
      const done = { built: count + 1, rows: rows + file.rows, bytesWritten: bytesWritten + built.sizeBytes };
      this.#stats = { ...this.#stats, ...done, lastError: undefined };
    } finally {
      for (const end of letGo) end();
      onLeft();
    }
  }

  /** Of a file that lies elsewhere, what is indexed of it. */
  async #localCopy(snapshot: Snapshot, file: DataFile, columns: readonly IndexedColumn[]): Promise<string> {
    if (file.tier === 'hot') return file.path;
    if (snapshot.localise === undefined) throw noCache(file.path);
    const names = columns.map(({ name }) => (name === EVENT_NAMES ? 'events' : name));
    const paths = await snapshot.localise([{ file, columns: names }], this.#givenUp.signal);
    return paths.get(file.fileId)!;
  }

  /** Makes what was built durable, where the file is. */
  async #place(localPath: string, object: PlacedObject | undefined, built: BuiltIndex): Promise<void> {
    const { fileSystem } = this.#parts;
    if (object === undefined) return finishFile(fileSystem, localPath);
    const unfinished = unfinishedName(localPath);
    try {
      const content = await fileContent(fileSystem, unfinished);
      await object.store.put(object.key, content, { signal: this.#givenUp.signal });
    } finally {
      await fileSystem.remove(unfinished);
    }
    const arrived = await object.store.head(object.key, { signal: this.#givenUp.signal });
    if (arrived?.sizeBytes === built.sizeBytes) return;
    const message = `an index has not arrived whole, key=\`${object.key}\` wanted=${built.sizeBytes}`;
    throw new OpenWitError('unavailable', 'OBJECT_STORE_UNAVAILABLE', message);
  }

  async #setIndex(
    tenant: string,
    table: TableName,
    { fileId, path: filePath }: DataFile,
    index: FileIndex | undefined,
  ): Promise<void> {
    const { catalog, tables, sync, onChanged } = this.#parts;
    try {
      const changed = await catalog.setIndex({ fileId, filePath, index });
      const versions = tables.table(tenant, table);
      versions.change({ files: versions.current.files.map((one) => (one.fileId === fileId ? changed : one)) });
      onChanged();
    } catch (error) {
      // It may have been made, or what the table says is not what the catalog says.
      sync.doubt(tenant, table);
      throw error;
    }
  }
}

function isConflict(error: unknown): boolean {
  return isOpenWitError(error) && error.code === 'CATALOG_CONFLICT';
}

function noCache(path: string): OpenWitError {
  return new OpenWitError('unavailable', 'STORE_UNAVAILABLE', `there is no cache to read a file by, path=\`${path}\``);
}

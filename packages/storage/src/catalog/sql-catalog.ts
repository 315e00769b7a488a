import { setImmediate } from 'node:timers/promises';
import {
  type Catalog,
  type CatalogCommit,
  type CatalogTable,
  type Clock,
  checkTenant,
  type DataFile,
  type FileMove,
  type Garbage,
  type IndexChange,
  indexPath,
  OpenWitError,
  placesOf,
  type Random,
  type SourcePosition,
  sleep,
  type TableName,
  type WalRange,
} from '@openwit/ports';
import { applyCommit } from './commit.ts';
import { conflict, liveFile, liveFiles, writeIndex } from './data-files.ts';
import type { DataPaths } from './data-paths.ts';
import { EXPIRY_STEP_FILES, expireFiles, expireTables, forgetSnapshots } from './expiry.ts';
import type { Fence } from './fence.ts';
import { addGarbage, adoptGarbage, forgetGarbage, garbageOf, takeFromGarbage } from './garbage.ts';
import { retiredPaths, takenPaths } from './kept-places.ts';
import {
  areCommitted,
  committedRanges,
  forgetRanges,
  nextBatchId,
  recordProgress,
  sourcePositions,
  trust,
  trustedMs,
} from './progress.ts';
import { lastSnapshot } from './snapshots.ts';
import type { SqlDatabase, SqlSession } from './sql-database.ts';
import { type OpenTable, Tables, tableNames } from './tables.ts';
import { dropTenant } from './tenant-drop.ts';

/** Readers of the catalog are DuckDB's transactions, and those are short. */
const SCRUB_WAIT_MS = 10_000;
const SCRUB_RETRY_MS = 100;

export interface SqlCatalogParts {
  readonly database: SqlDatabase;
  readonly clock: Clock;
  readonly random: Random;
  readonly paths: DataPaths;
  readonly nodeId: string;
  readonly fence?: Fence;
}

/**
 * The catalog in a SQL database: the tables of DuckLake 1.0, so that any DuckDB attaches it, beside our own
 * (`openwit_*`). Each change is one transaction, durable by the time it resolves.
 */
export class SqlCatalog implements Catalog {
  /** Names this node's folders. */
  readonly nodeId: string;
  readonly #database: SqlDatabase;
  readonly #clock: Clock;
  readonly #paths: DataPaths;
  readonly #fence: Fence | undefined;
  readonly #tables: Tables;

  constructor({ database, clock, random, paths, nodeId, fence }: SqlCatalogParts) {
    this.nodeId = nodeId;
    this.#database = database;
    this.#clock = clock;
    this.#paths = paths;
    this.#fence = fence;
    this.#tables = new Tables(clock, random);
  }

  async checkOwner(): Promise<void> {
    await this.#fence?.check(this.#database);
  }

  async openTable(tenant: string, table: TableName): Promise<CatalogTable> {
    checkTenant(tenant);
    return (
      (await this.#find(this.#database, tenant, table)) ??
      this.#write(async (sql) => {
        // Another node may have been quicker.
        return (await this.#find(sql, tenant, table)) ?? this.#tables.create(sql, tenant, table);
      })
    );
  }

  async tables(): Promise<readonly CatalogTable[]> {
    const tables: OpenTable[] = [];
    for (const { tenant, table } of await tableNames(this.#database)) {
      const known = await this.#find(this.#database, tenant, table);
      if (known !== undefined) tables.push(known);
    }
    return tables;
  }

  async files(tenant: string, table: TableName): Promise<readonly DataFile[]> {
    const known = await this.#find(this.#database, tenant, table);
    return known === undefined ? [] : liveFiles(this.#database, this.#paths, known);
  }

  commit(commit: CatalogCommit): Promise<readonly DataFile[]> {
    return this.#write(async (sql) => {
      if (await areCommitted(sql, this.nodeId, commit.ranges)) return [];
      const last = await lastSnapshot(sql);
      const table = await this.#tables.find(sql, last.schemaVersion, commit.tenant, commit.table);
      if (table === undefined) {
        throw conflict(`the table is not there any more, tenant=${commit.tenant} table=${commit.table}`);
      }
      const parts = { clock: this.#clock, paths: this.#paths, nodeId: this.nodeId };
      const files = await applyCommit(sql, parts, { commit, table, last });
      await recordProgress(sql, this.nodeId, commit.ranges, commit.sources);
      return files;
    });
  }

  move({ fileId, from, to, tier, index }: FileMove): Promise<DataFile> {
    return this.#write(async (sql) => {
      const found = await liveFile(sql, this.#paths, fileId);
      if (found === undefined) throw conflict(`the file to be moved is not live any more, id=${fileId}`);
      const { tenant, table, file, nodeId } = found;
      // An earlier attempt had succeeded without its caller hearing of it.
      if (file.path === to && file.tier === tier) return file;
      if (file.path !== from) throw conflict(`the file was moved meanwhile, id=${fileId}`);
      if (file.index?.name !== index) throw conflict(`the file has another index by now, id=${fileId}`);
      const moved = { ...file, path: to, tier };
      await sql.run('UPDATE openwit_files SET tier = ? WHERE data_file_id = ?', tier, fileId);
      if (from === to) return moved;
      const newPlaces = placesOf(moved);
      if ((await takenPaths(sql, this.#paths, newPlaces)).size > 0)
        throw conflict('another file is at the place of a move');
      const { path, isRelative } = this.#paths.kept(tenant, table, to);
      await sql.run(
        'UPDATE ducklake_data_file SET path = ?, path_is_relative = ? WHERE data_file_id = ?',
        path,
        isRelative,
        fileId,
      );
      await takeFromGarbage(sql, this.#paths, newPlaces);
      const sinceMs = this.#clock.now();
      for (const path of placesOf(file)) await addGarbage(sql, this.#paths, { path, nodeId, sinceMs });
      return moved;
    });
  }

  setIndex({ fileId, filePath, index }: IndexChange): Promise<DataFile> {
    return this.#write(async (sql) => {
      const found = await liveFile(sql, this.#paths, fileId);
      if (found?.file.path !== filePath) throw conflict(`the indexed file is not there any more, id=${fileId}`);
      const { index: before, ...file } = found.file;
      if (before?.name === index?.name) return found.file;
      await writeIndex(sql, fileId, index);
      if (index !== undefined) await takeFromGarbage(sql, this.#paths, [indexPath(filePath, index)]);
      if (before !== undefined) {
        const path = indexPath(filePath, before);
        await addGarbage(sql, this.#paths, { path, nodeId: found.nodeId, sinceMs: this.#clock.now() });
      }
      return index === undefined ? file : { ...file, index };
    });
  }

  dropTenant(tenant: string): Promise<void> {
    return this.#write((sql) => dropTenant(sql, this.#clock, tenant));
  }

  async expireSnapshots(beforeMs: number): Promise<number> {
    const count = await this.#write((sql) => forgetSnapshots(sql, this.#clock, beforeMs));
    for (let files = EXPIRY_STEP_FILES; files === EXPIRY_STEP_FILES; ) {
      // SQLite works in this thread: between the steps it has other things to do.
      await setImmediate();
      files = await this.#write((sql) => expireFiles(sql, this.#paths, this.#clock));
    }
    await this.#write(expireTables);
    return count;
  }

  announce(paths: readonly string[]): Promise<void> {
    return this.#write(async (sql) => {
      const taken = await takenPaths(sql, this.#paths, paths);
      const sinceMs = this.#clock.now();
      for (const path of paths) {
        if (!taken.has(path)) await addGarbage(sql, this.#paths, { path, nodeId: this.nodeId, sinceMs });
      }
    });
  }

  adopt(paths: readonly string[]): Promise<number> {
    return this.#write(async (sql) => {
      const taken = await takenPaths(sql, this.#paths, paths);
      const strays = paths.filter((path) => !taken.has(path));
      return adoptGarbage(sql, this.#paths, strays, { nodeId: this.nodeId, sinceMs: this.#clock.now() });
    });
  }

  async scrub(): Promise<void> {
    await this.checkOwner();
    await this.#database.exec('VACUUM');
    const endAt = this.#clock.monotonic() + SCRUB_WAIT_MS;
    while (!(await this.#database.cutLog())) {
      if (this.#clock.monotonic() >= endAt) throw isRead();
      await sleep(this.#clock, SCRUB_RETRY_MS);
    }
  }

  async retiredPaths(): Promise<readonly string[]> {
    return retiredPaths(this.#database, this.#paths);
  }

  /** Asks for its right too: what it tells is going to be removed. */
  async garbage(): Promise<readonly Garbage[]> {
    await this.checkOwner();
    return garbageOf(this.#database, this.#paths, this.nodeId);
  }

  forgetGarbage(paths: readonly string[]): Promise<void> {
    return this.#write((sql) => forgetGarbage(sql, this.#paths, this.nodeId, paths));
  }

  async trustedMs(): Promise<number | undefined> {
    return trustedMs(this.#database, this.nodeId);
  }

  trust(ms: number): Promise<void> {
    return this.#write((sql) => trust(sql, this.nodeId, ms));
  }

  async committedRanges(): Promise<readonly WalRange[]> {
    return committedRanges(this.#database, this.nodeId);
  }

  forgetRanges(batchIds: readonly number[]): Promise<void> {
    return this.#write((sql) => forgetRanges(sql, this.nodeId, batchIds));
  }

  async sourcePositions(): Promise<readonly SourcePosition[]> {
    return sourcePositions(this.#database);
  }

  async nextBatchId(): Promise<number> {
    return nextBatchId(this.#database, this.nodeId);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  async #find(sql: SqlSession, tenant: string, table: TableName): Promise<OpenTable | undefined> {
    const { schemaVersion } = await lastSnapshot(sql);
    return this.#tables.find(sql, schemaVersion, tenant, table);
  }

  #write<T>(change: (sql: SqlSession) => Promise<T>): Promise<T> {
    return this.#database.transaction(async (sql) => {
      await this.#fence?.check(sql);
      return change(sql);
    });
  }
}

function isRead(): OpenWitError {
  const message = 'another process reads the catalog as it was, and keeps what was deleted in its files';
  return new OpenWitError('unavailable', 'STORE_UNAVAILABLE', message, { retryAfterMs: SCRUB_WAIT_MS });
}

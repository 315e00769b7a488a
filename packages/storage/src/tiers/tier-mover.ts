import {
  bytesWithIndex,
  type Catalog,
  type Clock,
  type DataFile,
  type FileSystem,
  indexPath,
  isOpenWitError,
  OpenWitError,
  placesOf,
  type TableName,
  type Tier,
} from '@openwit/ports';
import { Backoffs } from '../backoffs.ts';
import type { BusyPaths } from '../garbage-sweep.ts';
import type { Chore } from '../maintenance.ts';
import { fileContent } from '../objects/file-content.ts';
import type { TableVersions } from '../table-versions.ts';
import type { TenantTables } from '../tenant-tables.ts';
import type { FilePlaces, PlacedObject } from './file-places.ts';
import { isDue, type MovedFile, type PlannedMove, planMoves } from './plan-moves.ts';
import { type PolicyRule, policyOf, type TablePolicy } from './table-policy.ts';

export interface TierMoverParts {
  readonly catalog: Catalog;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly tables: TenantTables;
  readonly places: FilePlaces;
  readonly busy: BusyPaths;
  /** Called after each move, when snapshots show the file at its new place. */
  readonly onMoved: () => void;
  /** Called when a move has failed: what it announced may stay. */
  readonly onLeft: () => void;
}

export interface TierSettings {
  readonly policies: readonly PolicyRule[];
  /** Bytes of the hot tier above which files move on whatever their age. */
  readonly hotBytes: number;
  /** The class that files of the archive get, by the store's own name. Default: the store's own. */
  readonly archiveClass?: string;
}

export interface TierStats {
  readonly moves: number;
  readonly bytesMoved: number;
  readonly failures: number;
  /** Why the last move failed; undefined when the last one succeeded. */
  readonly lastError: unknown;
}

export const NO_MOVES: TierStats = { moves: 0, bytesMoved: 0, failures: 0, lastError: undefined };

/** From one tier to another, or to ask the catalog. */
type Way = `${Tier} to ${Tier}` | 'catalog';

/**
 * Moves files to the tiers of their policy. A move is upload, check, catalog; the old place becomes garbage. A file that
 * cannot be moved waits by itself, and so does a way whose store is not to be had; the rest goes on, and nothing is lost.
 */
export class TierMover implements Chore {
  readonly #parts: TierMoverParts;
  readonly #settings: TierSettings;
  readonly #policies = new WeakMap<TableVersions, TablePolicy>();
  /** By file id. */
  readonly #files: Backoffs<number>;
  readonly #ways: Backoffs<Way>;
  /** The catalog was asked for it and has not answered. */
  #unheard: PlannedMove<DataFile> | undefined;
  #isClosing = false;
  readonly #givenUp = new AbortController();
  #stats = NO_MOVES;

  constructor(parts: TierMoverParts, settings: TierSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#files = new Backoffs(parts.clock);
    this.#ways = new Backoffs(parts.clock);
  }

  get stats(): TierStats {
    return this.#stats;
  }

  /** No move begins any more. */
  stop(): void {
    this.#isClosing = true;
  }

  /** A move that is under way ends: what it has made of an object is garbage. */
  giveUp(): void {
    this.#givenUp.abort();
  }

  async run(): Promise<void> {
    if (this.#ways.isWaiting('catalog')) return;
    try {
      await this.#catchUp();
    } catch (error) {
      return this.failed(error);
    }
    for (const move of this.#plan()) {
      if (this.#isClosing || this.#ways.isWaiting('catalog')) return;
      if (this.#ways.isWaiting(wayOf(move.file, move.to))) continue;
      await this.#move(move).catch((error: unknown) => this.#setBack(move, error));
    }
  }

  async #setBack(move: PlannedMove<DataFile>, error: unknown): Promise<void> {
    if (this.#givenUp.signal.aborted) return;
    this.#parts.onLeft();
    if (isConflict(error)) {
      // The file was replaced meanwhile; or an earlier move of it had taken effect without our hearing of it.
      await this.#catchUp().catch((unheard: unknown) => this.failed(unheard));
      return;
    }
    const isAway = isOpenWitError(error) && error.code === 'OBJECT_STORE_UNAVAILABLE';
    if (isAway) this.#ways.failed(wayOf(move.file, move.to));
    // Where it was the store the file need not wait, but comes behind others: it may have been the file.
    this.#files.failed(move.file.fileId, isAway ? 0 : undefined);
    this.failed(error);
  }

  /** Asks what became of a move whose answer did not come: nothing else would tell, if the file is to stay where it is now. */
  async #catchUp(): Promise<void> {
    if (this.#unheard === undefined) return;
    const { tenant, table, file } = this.#unheard;
    const { catalog, tables, onMoved } = this.#parts;
    const live = (await this.#ask(catalog.files(tenant, table))).find(({ fileId }) => fileId === file.fileId);
    this.#unheard = undefined;
    if (live === undefined || (live.path === file.path && live.tier === file.tier)) return;
    const versions = tables.table(tenant, table);
    versions.change({ files: versions.current.files.map((one) => (one.fileId === live.fileId ? live : one)) });
    onMoved();
  }

  /** What failed comes last. */
  #plan(): PlannedMove<DataFile>[] {
    const { tables, clock, places } = this.#parts;
    if (places.stores.length === 0) return [];
    const all = [...tables].map(({ tenant, table, versions }) => ({
      tenant,
      table,
      policy: this.#policyOf(tenant, table, versions),
      files: versions.current.files,
    }));
    const limits = {
      hotBytes: this.#settings.hotBytes,
      hasCold: places.has('cold') && !this.#ways.isWaiting('hot to cold'),
      hasArchive: places.has('archive'),
      ...(this.#files.size + this.#ways.size > 0 && {
        mayMove: (file: MovedFile, to: Tier) =>
          !this.#files.isWaiting(file.fileId) && !this.#ways.isWaiting(wayOf(file, to)),
      }),
    };
    if (!isDue(all, clock.now(), limits)) return [];
    if (this.#files.size > 0) this.#files.keep(new Set(all.flatMap(({ files }) => files.map(({ fileId }) => fileId))));
    const moves = planMoves(all, clock.now(), limits);
    const attempts = ({ file }: PlannedMove<DataFile>) => this.#files.attempts(file.fileId);
    return moves.sort((a, b) => attempts(a) - attempts(b));
  }

  /** Found once for each table. */
  #policyOf(tenant: string, table: TableName, versions: TableVersions): TablePolicy {
    let policy = this.#policies.get(versions);
    if (policy === undefined) {
      policy = policyOf(this.#settings.policies, tenant, table);
      this.#policies.set(versions, policy);
    }
    return policy;
  }

  async #move(move: PlannedMove<DataFile>): Promise<void> {
    const { tenant, table, file, to: tier } = move;
    const { catalog, tables, places, busy } = this.#parts;
    const target = places.objectFor(file.path, tier);
    const targets = placesOf({ ...file, path: target.url });
    // What an earlier attempt left there is being removed: a removal that arrives late would take the new object.
    if (targets.some((url) => busy.has(url))) return;
    const release = busy.take([...targets, ...placesOf(file)]);
    const { fileId, path: from, index } = file;
    const isElsewhere = target.url !== from;
    try {
      if (isElsewhere) await this.#ask(catalog.announce(targets));
      for (const part of partsOf(file)) {
        const place = places.objectFor(part.path, tier);
        if (!isElsewhere) await this.#reclassify(place);
        else if (part.path === from) await this.#upload(part, place, tier);
        else if (!(await this.#uploadIndex(move, part, place))) return; // it moves without
      }
      this.#unheard = move;
      const moved = await this.#ask(catalog.move({ fileId, from, to: target.url, tier, index: index?.name }));
      this.#unheard = undefined;
      const versions = tables.table(tenant, table);
      versions.change({ files: versions.current.files.map((one) => (one.fileId === moved.fileId ? moved : one)) });
    } finally {
      release();
    }
    this.#files.succeeded(file.fileId);
    this.#ways.succeeded(wayOf(file, tier));
    this.#stats = {
      ...this.#stats,
      moves: this.#stats.moves + 1,
      bytesMoved: this.#stats.bytesMoved + bytesWithIndex(file),
      lastError: undefined,
    };
    this.#parts.onMoved();
  }

  async #upload(file: MovedPart, { store, key }: PlacedObject, tier: PlannedMove['to']): Promise<void> {
    const { fileSystem, places } = this.#parts;
    const { archiveClass } = this.#settings;
    const { signal } = this.#givenUp;
    const source = places.objectAt(file.path);
    const content =
      source === undefined
        ? await fileContent(fileSystem, file.path)
        : {
            sizeBytes: file.sizeBytes,
            read: (offset: number, length: number) =>
              source.store.get(source.key, { range: { offset, length }, signal }),
          };
    if (content.sizeBytes !== file.sizeBytes) throw differs(file.path, file.sizeBytes, content.sizeBytes);
    const options = tier === 'archive' && archiveClass !== undefined ? { storageClass: archiveClass } : {};
    await store.put(key, content, { ...options, signal });
    const arrived = await store.head(key, { signal });
    if (arrived?.sizeBytes !== file.sizeBytes) throw differs(key, file.sizeBytes, arrived?.sizeBytes ?? 0);
  }

  /** @returns false when there is no index any more: one that is lost must not keep its file */
  async #uploadIndex(
    { tenant, table, file, to }: PlannedMove<DataFile>,
    index: MovedPart,
    place: PlacedObject,
  ): Promise<boolean> {
    try {
      await this.#upload(index, place, to);
      return true;
    } catch (error) {
      if (!isLost(error)) throw error;
    }
    const { catalog, tables } = this.#parts;
    const without = await this.#ask(catalog.setIndex({ fileId: file.fileId, filePath: file.path, index: undefined }));
    const versions = tables.table(tenant, table);
    versions.change({ files: versions.current.files.map((one) => (one.fileId === without.fileId ? without : one)) });
    return false;
  }

  /** The archive is a class of the store that the file is in already. */
  async #reclassify({ store, key }: PlacedObject): Promise<void> {
    const { archiveClass } = this.#settings;
    if (archiveClass !== undefined) await store.setStorageClass(key, archiveClass, { signal: this.#givenUp.signal });
  }

  /** While the catalog does not answer nothing moves. */
  async #ask<T>(request: Promise<T>): Promise<T> {
    try {
      const answer = await request;
      this.#ways.succeeded('catalog');
      return answer;
    } catch (error) {
      if (!isConflict(error)) this.#ways.failed('catalog');
      throw error;
    }
  }

  failed(error: unknown): void {
    this.#stats = { ...this.#stats, failures: this.#stats.failures + 1, lastError: error };
  }
}

/** Something that moves with a file: itself, or its index. */
type MovedPart = Pick<DataFile, 'path' | 'sizeBytes'>;

function partsOf({ path, sizeBytes, index }: DataFile): MovedPart[] {
  const own = { path, sizeBytes };
  return index === undefined ? [own] : [own, { path: indexPath(path, index), sizeBytes: index.sizeBytes }];
}

function wayOf({ tier }: Pick<DataFile, 'tier'>, to: Tier): Way {
  return `${tier} to ${to}`;
}

/** What it is of is not there, or is not whole. */
function isLost(error: unknown): boolean {
  return isOpenWitError(error) ? error.kind === 'data' : (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function isConflict(error: unknown): boolean {
  return isOpenWitError(error) && error.code === 'CATALOG_CONFLICT';
}

function differs(path: string, wanted: number, found: number): OpenWitError {
  const message = `a file to be moved has another size than the catalog says, path=\`${path}\` wanted=${wanted} found=${found}`;
  return new OpenWitError('data', 'STORE_CORRUPTION', message, { details: { wanted, found } });
}

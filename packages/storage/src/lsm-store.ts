import {
  type BatchSink,
  type Catalog,
  type Clock,
  type DataFile,
  OpenWitError,
  placesOf,
  type SealedBatch,
  SIGNALS,
  type Snapshot,
  systemRandom,
  type TableName,
  type TableSource,
  type TableUsage,
} from '@openwit/ports';
import { BatchFlusher } from './batch-flusher.ts';
import { Compactor } from './compaction/compactor.ts';
import { FileMerger } from './compaction/file-merger.ts';
import { FenceWatch } from './fence-watch.ts';
import { BusyPaths } from './garbage-sweep.ts';
import { IndexBuilder } from './indexing/index-builder.ts';
import { Indexing, NO_INDEXING } from './indexing/indexing.ts';
import {
  type LsmStoreCollaborators,
  type LsmStoreSettings,
  type ResolvedSettings,
  resolvedSettings,
} from './lsm-store-settings.ts';
import { type Chore, Maintenance } from './maintenance.ts';
import { sweepOrphans } from './orphan-sweep.ts';
import { ParquetWriters } from './parquet/parquet-writers.ts';
import { Retention } from './retention/retention.ts';
import { type MatchRows, RowRemoval } from './retention/row-removal.ts';
import { TrustedTime } from './retention/trusted-time.ts';
import { Retirement } from './retirement.ts';
import type { StoreStats } from './store-stats.ts';
import { TableSync } from './table-sync.ts';
import { tableUsage } from './table-usage.ts';
import { TenantTables } from './tenant-tables.ts';
import { BucketSweep } from './tiers/bucket-sweep.ts';
import { FilePlaces } from './tiers/file-places.ts';
import { summaryOf } from './tiers/files-summary.ts';
import { TierMover } from './tiers/tier-mover.ts';

/** Of the hot tier: files begin to move before it is full. */
const HOT_SHARE = 0.8;
const RETRY_AFTER_MS = 1000;
const CLOSE_PATIENCE_MS = 1000;

/**
 * A log-structured merge tree of Parquet files. A sealed batch is in memory until its *active* file is in the catalog, and
 * in the same turn the file takes its place; active files are merged into *stable* ones. A snapshot shows each record once,
 * whatever goes on. When another has opened its node, it writes nothing any more and answers nothing, for good: the other one
 * may remove any file. What was appended and not written is in the log.
 */
export class LsmStore implements BatchSink, TableSource {
  readonly #catalog: Catalog;
  readonly #fence: FenceWatch;
  readonly #clock: Clock;
  readonly #tables: TenantTables;
  readonly #flusher: BatchFlusher;
  readonly #sync: TableSync;
  readonly #compactor: Compactor;
  readonly #removal: RowRemoval;
  readonly #retention: Retention;
  readonly #retirement: Retirement;
  readonly #mover: TierMover;
  readonly #bucketSweep: BucketSweep;
  readonly #indexBuilder: Pick<IndexBuilder, 'build' | 'close'> | undefined;
  readonly #indexing: Indexing | undefined;
  readonly #maxHotBytes: number;
  readonly #busy = new BusyPaths();
  /** Undefined when files have changed since it was last asked for. */
  #hotBytes: number | undefined;
  readonly #merging: Maintenance;
  /** Of its own: while records come there is always something to merge, and what merges replaced has to go. */
  readonly #cleaning: Maintenance;
  /** Apart from the rest: an upload takes as long as the network wants. */
  readonly #moving: Maintenance;
  /** In parallel with merges. */
  readonly #indexingLoop: Maintenance;

  /** Reads the catalog and removes what a crash left. @throws unavailable / STORE_UNAVAILABLE; data / STORE_CORRUPTION */
  static async open(collaborators: LsmStoreCollaborators, given: LsmStoreSettings): Promise<LsmStore> {
    const { catalog, fileSystem } = collaborators;
    const settings = resolvedSettings(given);
    const { dataPath, nodeId } = settings;
    const tables = new TenantTables(collaborators.coldFiles);
    const known = new Set<string>(await catalog.retiredPaths());
    for (const { tenant, table, attributeColumns } of await catalog.tables()) {
      const files = await catalog.files(tenant, table);
      tables.table(tenant, table).change({ files, attributeColumns });
      for (const path of files.flatMap(placesOf)) known.add(path);
    }
    await sweepOrphans(fileSystem, dataPath, nodeId, known).catch((cause) => {
      throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', `leftovers cannot be removed, path=\`${dataPath}\``, {
        cause,
      });
    });
    return new LsmStore(tables, await catalog.trustedMs(), collaborators, settings);
  }

  private constructor(
    tables: TenantTables,
    lastSeenMs: number | undefined,
    collaborators: LsmStoreCollaborators,
    settings: ResolvedSettings,
  ) {
    const { catalog, fileSystem, clock, onCommitted, random = systemRandom, tiers = {} } = collaborators;
    const { dataPath, nodeId, minShare, policies, hotBytes, archiveClass, attributeColumnsOf } = settings;
    const { clockConfirmMs, tickMs } = settings;
    const writers = collaborators.writers ?? new ParquetWriters(settings.writing);
    const merger = collaborators.merger ?? new FileMerger(settings.merging);
    const context = { catalog, fileSystem, writers, dataPath, nodeId, attributeColumnsOf };
    this.#catalog = catalog;
    this.#clock = clock;
    this.#maxHotBytes = hotBytes;
    this.#tables = tables;
    this.#fence = new FenceWatch({ catalog, onFenced: (error) => this.#stepDown(error) });
    this.#flusher = new BatchFlusher(
      {
        clock,
        tables,
        context,
        onCommitted: (range, files) => this.#committed(files, () => onCommitted?.(range)),
        onFailure: (error) => this.#fence.heed(error),
      },
      settings.writing.threads + 1,
    );
    const busy = this.#busy;
    const sync = new TableSync({ catalog, tables, onSynced: () => this.#changed() });
    this.#sync = sync;
    const onLeft = (): void => this.#retirement.garbageLeft();
    this.#compactor = new Compactor(
      {
        catalog,
        fileSystem,
        clock,
        random,
        merger,
        tables,
        busy,
        onLeft,
        onCommitted: (files) => this.#committed(files),
      },
      { ...settings.planning, dataPath, nodeId, minShare },
    );
    this.#removal = new RowRemoval(
      { catalog, fileSystem, clock, random, merger, tables, busy, sync, onLeft, onRemoved: () => this.#changed() },
      { dataPath, nodeId, minShare },
    );
    const places = new FilePlaces({ fileSystem, stores: tiers, copies: collaborators.coldFiles }, dataPath);
    const time = new TrustedTime(clock, lastSeenMs, clockConfirmMs);
    // Snapshots are of this catalog alone: the clock that they were made by is believed as it is now.
    const snapshotTime = new TrustedTime(clock, clock.now(), clockConfirmMs);
    this.#retirement = new Retirement(
      { catalog, places, clock, time: snapshotTime, tables, busy },
      settings.snapshotRetentionMs,
    );
    this.#retention = new Retention({ catalog, tables, sync, time, onRemoved: () => this.#changed() }, policies);
    this.#mover = new TierMover(
      { catalog, fileSystem, clock, tables, places, busy, onMoved: () => this.#changed(), onLeft },
      { policies, hotBytes: HOT_SHARE * hotBytes, ...(archiveClass !== undefined && { archiveClass }) },
    );
    const { indexModule } = settings;
    this.#indexBuilder =
      collaborators.indexBuilder ?? (indexModule === undefined ? undefined : new IndexBuilder(indexModule));
    this.#indexing =
      this.#indexBuilder &&
      new Indexing(
        {
          catalog,
          fileSystem,
          clock,
          random,
          builder: this.#indexBuilder,
          tables,
          places,
          busy,
          sync,
          onLeft,
          onChanged: () => this.#changed(),
        },
        settings.indexing,
      );
    this.#bucketSweep = new BucketSweep({ catalog, places, clock, tables, busy, onLeft }, nodeId, settings.bucketSweep);
    this.#changed();
    const syncing: Chore = {
      run: () => this.#compactor.exclusively(() => sync.run()),
      failed: (error) => sync.failed(error),
    };
    this.#merging = new Maintenance({ clock, chores: [syncing, this.#compactor] }, tickMs);
    this.#cleaning = new Maintenance({ clock, chores: [this.#fence, this.#retention, this.#retirement] }, tickMs);
    this.#moving = new Maintenance({ clock, chores: [this.#mover, this.#bucketSweep] }, tickMs);
    this.#indexingLoop = new Maintenance(
      { clock, chores: this.#indexing === undefined ? [] : [this.#indexing] },
      tickMs,
    );
  }

  /**
   * Visible from this call on. Rejects only when the store is closed or fenced before the batch could be written; then its
   * records are in the log. @throws closed / CLOSED; unavailable / STORE_UNAVAILABLE; fenced / FENCED
   */
  append(sealed: SealedBatch): Promise<void> {
    return this.#flusher.append(sealed);
  }

  /** @throws fenced / FENCED */
  snapshot(tenant: string, tables: readonly TableName[]): Snapshot {
    this.#fence.check();
    const indexIsDamaged = (table: TableName, file: DataFile) => {
      this.#indexing?.isDamaged(tenant, table, file);
      this.#indexingLoop.wake();
    };
    return { ...this.#tables.snapshot(tenant, tables), indexIsDamaged };
  }

  /**
   * Merges what is left of every hour, also of those that are not over, and indexes what was merged. Resolves when nothing is left
   * to merge.
   * @throws unavailable / STORE_UNAVAILABLE when a merge failed; fenced / FENCED
   */
  async compact(): Promise<void> {
    this.#fence.check();
    await this.#compactor.closeHours();
    await this.#indexing?.finish();
  }

  /**
   * Removes all records of a tenant that were appended before, from every tier and older snapshots too. What is appended
   * meanwhile stays, in new tables. Resolves when nothing of them is left; queries that read them are waited for.
   * @throws unavailable / STORE_UNAVAILABLE, OBJECT_STORE_UNAVAILABLE: calling it again goes on; fenced / FENCED
   */
  async deleteTenant(tenant: string): Promise<void> {
    this.#fence.check();
    // All that it can have: none may come between the catalog's list and this one.
    const own = SIGNALS.map((table) => this.#tables.table(tenant, table));
    const drop = async () => {
      try {
        await this.#catalog.dropTenant(tenant);
      } catch (error) {
        for (const table of SIGNALS) this.#sync.doubt(tenant, table);
        await this.#sync.run();
        throw error;
      }
      for (const versions of own) versions.change({ files: [], attributeColumns: [] });
      this.#changed();
    };
    await this.#compactor.exclusively(() => this.#flusher.exclusively(own, drop));
    await this.#retirement.erase();
  }

  /**
   * Removes the records that `match` names, of all files that are in the table now: from every tier and older snapshots too.
   * Resolves when nothing of them is left in anything that the store keeps; queries that read them are waited for.
   * @param signal ends it at its next step, with the signal's reason
   * @returns how many were removed
   * @throws what `match` throws, but for what is overloaded, which is waited for; unavailable / STORE_UNAVAILABLE,
   * OBJECT_STORE_UNAVAILABLE: calling it again goes on; fenced / FENCED
   */
  async deleteRows(tenant: string, table: TableName, match: MatchRows, signal?: AbortSignal): Promise<number> {
    this.#fence.check();
    const removed = await this.#compactor.exclusively(() => this.#removal.run(tenant, table, match, signal));
    await this.#retirement.erase(signal);
    return removed;
  }

  /** Bytes of a tenant's files and their indexes, in all tiers. */
  storedBytes(tenant: string): number {
    return this.#tables.of(tenant).reduce((sum, { current }) => sum + summaryOf(current.files).sizeBytes, 0);
  }

  /** Whether records may come. @throws overloaded / OVERLOADED while the hot tier has as many bytes as it may; fenced / FENCED */
  checkRoom(): void {
    this.#fence.check();
    if (this.#maxHotBytes === Infinity) return;
    this.#hotBytes ??= [...this.#tables].reduce(
      (sum, { versions }) => sum + summaryOf(versions.current.files).hotBytes,
      0,
    );
    if (this.#hotBytes < this.#maxHotBytes) return;
    throw new OpenWitError('overloaded', 'OVERLOADED', `the hot tier is full, hotBytes=${this.#maxHotBytes}`, {
      retryAfterMs: RETRY_AFTER_MS,
    });
  }

  /** Who has taken the node over; undefined as long as nobody has. */
  get fenced(): OpenWitError | undefined {
    return this.#fence.fenced;
  }

  /** The tenants that have tables. */
  get tenants(): ReadonlySet<string> {
    return new Set([...this.#tables].map(({ tenant }) => tenant));
  }

  /** Bytes of batches that are not in files yet. */
  get pendingBytes(): number {
    return this.#flusher.pendingBytes;
  }

  /** No file is removed until the returned function is called. */
  holdFiles(): () => void {
    return this.#busy.takeAll();
  }

  /** What each tenant's tables have in files. */
  usage(): TableUsage[] {
    return [...this.#tables].map(({ tenant, table, versions }) => tableUsage(tenant, table, versions.current));
  }

  stats(): StoreStats {
    const tables = [...this.#tables].map(({ tenant, table, versions: { current } }) => ({
      tenant,
      table,
      files: current.files.length,
      indexedFiles: current.files.filter(({ index }) => index !== undefined).length,
      rows: current.files.reduce((sum, { rows }) => sum + rows, 0),
      sizeBytes: summaryOf(current.files).sizeBytes,
    }));
    return {
      fenced: this.fenced,
      ...this.#flusher.stats,
      tables,
      compaction: this.#compactor.stats,
      tiers: this.#mover.stats,
      retention: this.#retention.stats,
      retirement: this.#retirement.stats,
      bucketSweep: this.#bucketSweep.stats,
      indexing: this.#indexing?.stats ?? NO_INDEXING,
    };
  }

  /**
   * Waits for the batches that were appended; those that fail are tried once more, then left to the log. A merge is given up, and a
   * move or a removal that takes longer than a second.
   */
  async close(): Promise<void> {
    this.#mover.stop();
    this.#bucketSweep.stop();
    const patience = this.#clock.schedule(CLOSE_PATIENCE_MS, () => this.#giveUp());
    this.#indexing?.giveUp();
    await this.#indexBuilder?.close();
    await this.#indexingLoop.close();
    await this.#compactor.close();
    await this.#merging.close();
    await this.#cleaning.close();
    await this.#moving.close();
    patience.cancel();
    // A deletion may wait for it still.
    this.#giveUp();
    await this.#flusher.close();
  }

  /** What is under way fails at the catalog. */
  #stepDown(error: OpenWitError): void {
    this.#giveUp();
    const loops = [this.#merging, this.#cleaning, this.#moving, this.#indexingLoop];
    for (const maintenance of loops) maintenance.stop();
    this.#flusher.stop(error);
  }

  #giveUp(): void {
    this.#mover.giveUp();
    this.#indexing?.giveUp();
    this.#retirement.giveUp();
  }

  #committed(files: readonly DataFile[], tell: () => void = () => {}): void {
    this.#compactor.added(files);
    this.#indexing?.added(files);
    this.#changed();
    tell();
    for (const loop of [this.#merging, this.#cleaning, this.#moving, this.#indexingLoop]) loop.wake();
  }

  /** Files came, went or moved. */
  #changed(): void {
    this.#retirement.snapshotEnded();
    this.#hotBytes = undefined;
  }
}

import {
  type Catalog,
  type Clock,
  type FileSystem,
  isOpenWitError,
  OpenWitError,
  type Random,
  type ScheduledCall,
  type Snapshot,
  type SourcePosition,
  type TableName,
  type WalEntry,
} from '@openwit/ports';
import type { SeededRandom } from '@openwit/ports/testing';
import { LsmStore, type LsmStoreCollaborators, type LsmStoreSettings, SegmentedWal } from '@openwit/storage';
import { batchOfRows, bytesOf, type Row, rowsOf } from './sim-files.ts';

export const DATA_PATH = '/node/parquet';
export const WAL_PATH = '/node/wal';

export interface NodeParts {
  readonly catalog: Catalog;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly choices: SeededRandom;
  readonly store: Pick<LsmStoreCollaborators, 'writers' | 'merger' | 'indexBuilder' | 'tiers' | 'coldFiles'>;
  /** The rows of a file, wherever it is. */
  readonly read: (path: string) => Promise<Row[]>;
  /** Called when what a crash left is removed, before anything new is written. */
  readonly onSwept: () => Promise<void>;
}

export interface Request {
  readonly tenant: string;
  readonly table: TableName;
  readonly rows: readonly Row[];
  readonly source?: SourcePosition;
}

/** A batch that takes rows. */
interface OpenBatch {
  readonly tenant: string;
  readonly table: TableName;
  readonly batchId: number;
  readonly rows: Row[];
  readonly sources: Map<string, SourcePosition>;
  throughLsn: number;
  underWay: number;
  isSealed: boolean;
  age: ScheduledCall | undefined;
  readonly stored: PromiseWithResolvers<void>;
}

const BATCH_ROWS = 12;
const BATCH_AGE_MS = 2500;

/** A node as the product puts it together, with a small pipeline in the place of the one that decodes in threads. */
export class Node {
  readonly wal: SegmentedWal;
  readonly store: LsmStore;
  readonly #clock: Clock;
  readonly #read: NodeParts['read'];
  readonly #batches = new Set<OpenBatch>();
  readonly #storing = new Set<Promise<void>>();
  readonly #requests = new Set<Promise<void>>();
  #nextBatchId: number;
  #isClosed = false;

  static async open(parts: NodeParts, settings: Omit<LsmStoreSettings, 'dataPath' | 'nodeId'>): Promise<Node> {
    const { catalog, fileSystem, clock, random, store: collaborators } = parts;
    const onForgotten = (batchIds: readonly number[]): void => void catalog.forgetRanges(batchIds).catch(() => {});
    const limits = { segmentBytes: 1500, maxBytes: 60_000, maxGroupBytes: 600 };
    const wal = await SegmentedWal.open({ fileSystem, random }, { folder: WAL_PATH, onForgotten, ...limits });
    for (const range of await catalog.committedRanges()) wal.release(range);
    const nodeId = (catalog as unknown as { nodeId: string }).nodeId;
    const store = await LsmStore.open(
      { catalog, fileSystem, clock, random, ...collaborators, onCommitted: (range) => wal.release(range) },
      { ...settings, dataPath: DATA_PATH, nodeId },
    );
    await parts.onSwept();
    const node = new Node(wal, store, parts, Math.max(wal.nextBatchId, await catalog.nextBatchId()));
    await node.#recover(parts.choices);
    return node;
  }

  private constructor(
    wal: SegmentedWal,
    store: LsmStore,
    { clock, read }: Pick<NodeParts, 'clock' | 'read'>,
    nextBatchId: number,
  ) {
    this.wal = wal;
    this.store = store;
    this.#clock = clock;
    this.#read = read;
    this.#nextBatchId = nextBatchId;
  }

  /** Resolves when the rows are durable and visible; when it rejects they are neither. */
  ingest(request: Request): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed());
    const ingesting = this.#ingest(request);
    this.#requests.add(ingesting);
    return ingesting.finally(() => this.#requests.delete(ingesting));
  }

  async #ingest({ tenant, table, rows, source }: Request): Promise<void> {
    this.store.checkRoom();
    const batch = this.#current(tenant, table);
    batch.underWay++;
    try {
      const record = {
        tenant,
        signal: table,
        batchId: batch.batchId,
        payload: bytesOf(rows),
        ...(source && { source }),
      };
      this.#add(batch, await this.wal.append(record), rows, source);
    } finally {
      batch.underWay--;
      if (batch.rows.length >= BATCH_ROWS) this.#seal(batch);
      this.#handOver(batch);
    }
  }

  /** The store's snapshot, and the rows that are in open batches. */
  snapshot(tenant: string, table: TableName): { readonly stored: Snapshot; readonly open: readonly Row[] } {
    if (this.#isClosed) throw closed();
    const own = [...this.#batches].filter((batch) => batch.tenant === tenant && batch.table === table);
    return { stored: this.store.snapshot(tenant, [table]), open: own.flatMap(({ rows }) => rows) };
  }

  async flush(): Promise<void> {
    const before = [...this.#batches];
    for (const batch of before) this.#seal(batch);
    await Promise.all([...this.#storing, ...before.map(({ stored }) => stored.promise)]);
  }

  deleteTenant(tenant: string): Promise<void> {
    return this.#erase(tenant, () => this.store.deleteTenant(tenant));
  }

  async deleteRecords(tenant: string, table: TableName, isGone: (id: string) => boolean): Promise<void> {
    await this.#erase(tenant, () =>
      this.store.deleteRows(tenant, table, async (_, { path }) => {
        const rows = await this.#read(path);
        return rows.flatMap(([id], i) => (isGone(id) ? [i] : []));
      }),
    );
  }

  /** In the steps of `OpenWit`. */
  async #erase(tenant: string, remove: () => Promise<unknown>): Promise<void> {
    await this.flush();
    await remove();
    await this.wal.giveUpRepair(tenant);
    await this.wal.roll();
    await this.flush();
    await this.wal.roll();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#requests);
    for (const batch of this.#batches) this.#seal(batch);
    await this.store.close();
    await this.wal.close();
  }

  /** What the log has goes to batches of the same ids again, which may be handed over in parts. */
  async #recover(choices: SeededRandom): Promise<void> {
    const byId = new Map<number, OpenBatch>();
    for await (const entry of this.wal.replay()) {
      let batch = byId.get(entry.batchId);
      if (batch === undefined || batch.isSealed) byId.set(entry.batchId, (batch = this.#recovered(entry)));
      this.#add(batch, entry.lsn, rowsOf(entry.payload), entry.source);
      if (choices.below(8) === 0) this.#seal(batch);
    }
  }

  #recovered({ tenant, signal, batchId }: WalEntry): OpenBatch {
    return this.#open(tenant, signal, batchId);
  }

  #add(batch: OpenBatch, lsn: number, rows: readonly Row[], source: SourcePosition | undefined): void {
    batch.rows.push(...rows);
    batch.throughLsn = Math.max(batch.throughLsn, lsn);
    if (source !== undefined) batch.sources.set(source.source, source);
  }

  #current(tenant: string, table: TableName): OpenBatch {
    for (const batch of this.#batches) {
      const isOwn = batch.tenant === tenant && batch.table === table && !batch.isSealed;
      if (isOwn && batch.rows.length < BATCH_ROWS) return batch;
    }
    return this.#open(tenant, table, this.#nextBatchId++);
  }

  #open(tenant: string, table: TableName, batchId: number): OpenBatch {
    const batch: OpenBatch = {
      tenant,
      table,
      batchId,
      rows: [],
      sources: new Map(),
      throughLsn: 0,
      underWay: 0,
      isSealed: false,
      age: undefined,
      stored: Promise.withResolvers<void>(),
    };
    batch.stored.promise.catch(() => {});
    batch.age = this.#clock.schedule(BATCH_AGE_MS, () => this.#seal(batch));
    this.#batches.add(batch);
    return batch;
  }

  #seal(batch: OpenBatch): void {
    batch.isSealed = true;
    batch.age?.cancel();
    this.#handOver(batch);
  }

  /** In the turn in which its last request has ended: in the store instead of here. */
  #handOver(batch: OpenBatch): void {
    if (!batch.isSealed || batch.underWay > 0 || !this.#batches.delete(batch)) return;
    const { tenant, table, batchId, throughLsn, rows, stored } = batch;
    if (rows.length === 0) {
      stored.resolve();
      return;
    }
    const sealed = {
      tenant,
      table,
      batch: batchOfRows(table, rows),
      byteLength: 100 * rows.length,
      range: { batchId, throughLsn },
      sources: [...batch.sources.values()],
      release: () => {},
    };
    const storing = this.store.append(sealed);
    this.#storing.add(storing);
    storing.then(stored.resolve, stored.reject).finally(() => this.#storing.delete(storing));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** True for what a node says when it can not do something now. */
  static isRefusal(error: unknown): boolean {
    return isOpenWitError(error) && error.kind !== 'internal' && error.kind !== 'data';
  }
}

function closed(): OpenWitError {
  return new OpenWitError('closed', 'CLOSED', 'node is closed');
}

import type { FileSystem } from '@openwit/ports';
import { MemoryFileSystem, SeededRandom } from '@openwit/ports/testing';
import { type LsmStoreCollaborators, MemoryObjectStore, retrying, SqlCatalog, type TierStores } from '@openwit/storage';
import { DataPaths } from '../../packages/storage/src/catalog/data-paths.ts';
import { migrate } from '../../packages/storage/src/catalog/migrations.ts';
import { SqliteDatabase } from '../../packages/storage/src/catalog/sqlite-database.ts';
import { Hostility } from './hostility.ts';
import { Ledger } from './ledger.ts';
import { LogCuts } from './log-cuts.ts';
import { DATA_PATH, Node, type NodeParts } from './node.ts';
import { CONFIRM_MS, type RunSettings } from './run-settings.ts';
import { Life, Scheduler } from './scheduler.ts';
import { SimClock } from './sim-clock.ts';
import { simDatabase } from './sim-database.ts';
import { simFileSystem } from './sim-file-system.ts';
import { type Row, readRows, rowsOf } from './sim-files.ts';
import { Bucket } from './sim-object-store.ts';
import { simIndexBuilder, simMerger, simWriters } from './sim-parquet.ts';
import type { Trace } from './trace.ts';

/** In the middle of an hour, so that a run comes over its end. */
const START_MS = 1_800_000_000_000 + 20 * 60_000;

/** What a test changes of the collaborators of each process, to see whether it is noticed. */
export interface Mutation {
  readonly fileSystem?: (fileSystem: FileSystem, life: Life) => FileSystem;
  readonly catalog?: (catalog: SqlCatalog, fileSystem: FileSystem) => SqlCatalog;
  readonly store?: (collaborators: NodeParts['store'], fileSystem: FileSystem) => NodeParts['store'];
  readonly settings?: (settings: RunSettings) => RunSettings;
  /** After a process's node is open, and before anybody uses it. */
  readonly node?: (node: Node) => void;
}

/** What outlives the processes of a run: disk, database, buckets, clock, and what was promised. */
export class World {
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly hostility: Hostility;
  readonly clock: SimClock = new SimClock(START_MS, CONFIRM_MS);
  readonly disk: MemoryFileSystem = new MemoryFileSystem(this.clock);
  readonly database: SqliteDatabase = new SqliteDatabase(':memory:');
  /** Actors begin nothing any more. */
  isResting = false;
  readonly cuts: LogCuts = new LogCuts();
  readonly cold: Bucket;
  readonly archive: Bucket;
  readonly ledger: Ledger = new Ledger(() => this.clock.latestTrusted());
  readonly #productRandom: SeededRandom;
  readonly #mutation: Mutation;
  #nodeId = '';
  #lives = 0;

  static async make(seed: number, trace: Trace, mutation: Mutation): Promise<World> {
    const world = new World(seed, trace, mutation);
    const context = { clock: world.clock, random: world.#productRandom, dataPath: DATA_PATH, isOfOneNode: true };
    await migrate(world.database, context);
    const row = await world.database.get(`SELECT value FROM openwit_meta WHERE key = 'node_id'`);
    world.#nodeId = row!.value as string;
    return world;
  }

  private constructor(seed: number, trace: Trace, mutation: Mutation) {
    this.random = new SeededRandom(seed);
    this.#productRandom = new SeededRandom(seed ^ 0x5bd1e995);
    this.#mutation = mutation;
    this.scheduler = new Scheduler({ clock: this.clock, random: this.random, trace });
    this.hostility = new Hostility(this.random);
    const bucket = (name: string): Bucket => {
      const inner = new MemoryObjectStore(
        { clock: this.clock.right(), random: this.#productRandom },
        { url: `memory://${name}` },
      );
      return new Bucket(name, inner, this);
    };
    this.cold = bucket('cold');
    this.archive = bucket('archive');
  }

  get buckets(): readonly Bucket[] {
    return [this.cold, this.archive];
  }

  newLife(): Life {
    return new Life(++this.#lives);
  }

  /** The catalog over the database itself, for whoever holds the node against it. */
  get truth(): SqlCatalog {
    return this.#catalog(this.database);
  }

  /** Starts a process. Rejects when it can not start, as it may when the disk or the database fails. */
  async open(life: Life, wanted: RunSettings, onSwept: () => Promise<void>): Promise<Node> {
    const settings = this.#mutation.settings?.(wanted) ?? wanted;
    const { hostility, scheduler } = this;
    const mutation = this.#mutation;
    const clock = this.clock.of(life);
    const own = this.cuts.watch(simFileSystem({ scheduler, hostility, memory: this.disk }, life));
    const fileSystem = mutation.fileSystem?.(own, life) ?? own;
    const catalog = this.#catalog(simDatabase({ scheduler, hostility, durable: this.database }, life), clock);
    const workers = { scheduler, hostility, life };
    const tiers = this.#tiers(life, settings);
    const read = (path: string): Promise<Row[]> => rowsAt(fileSystem, tiers, path);
    const made = {
      writers: simWriters(workers),
      merger: simMerger(workers, fileSystem, read),
      indexBuilder: simIndexBuilder(workers, fileSystem, read),
      tiers,
      coldFiles: UNCACHED,
    };
    const node = await Node.open(
      {
        catalog: mutation.catalog?.(catalog, fileSystem) ?? catalog,
        fileSystem,
        clock,
        random: this.#productRandom,
        choices: this.random,
        store: mutation.store?.(made, fileSystem) ?? made,
        read,
        onSwept,
      },
      settings.store,
    );
    mutation.node?.(node);
    return node;
  }

  #catalog(
    database: ConstructorParameters<typeof SqlCatalog>[0]['database'],
    clock = this.clock.of(new Life(0)),
  ): SqlCatalog {
    const paths = new DataPaths(DATA_PATH);
    return new SqlCatalog({ database, clock, random: this.#productRandom, paths, nodeId: this.#nodeId });
  }

  #tiers(life: Life, { hasCold, hasArchive }: RunSettings): TierStores {
    const parts = { clock: this.clock.of(life), random: this.#productRandom };
    const of = (bucket: Bucket) => retrying(bucket.of(life), parts, { attempts: 3, timeoutMs: 20_000 });
    return { ...(hasCold && { cold: of(this.cold) }), ...(hasArchive && { archive: of(this.archive) }) };
  }
}

/** In the place of what is kept here of objects: they are read where they are. */
const UNCACHED: NonNullable<LsmStoreCollaborators['coldFiles']> = {
  reads: () => ({
    localise: async (reads) => new Map(reads.map(({ file }) => [file.fileId, file.path])),
    localiseIndexes: async () => new Map(),
    release: () => {},
  }),
  forget: async () => new Map(),
};

async function rowsAt(fileSystem: FileSystem, tiers: TierStores, path: string): Promise<Row[]> {
  const store = Object.values(tiers).find(({ url }) => path.startsWith(`${url}/`));
  return store === undefined ? readRows(fileSystem, path) : rowsOf(await store.get(path.slice(store.url.length + 1)));
}

export type StoreParts = Pick<LsmStoreCollaborators, 'writers' | 'merger' | 'indexBuilder' | 'tiers'>;

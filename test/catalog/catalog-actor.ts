import assert from 'node:assert/strict';
import { type Catalog, type CatalogCommit, type DataFile, isOpenWitError, type NewDataFile } from '@openwit/ports';
import { fileOf, isConflict, rewriteOf, type SeededRandom } from '@openwit/ports/testing';

/** What the test knows of the world, beside what the catalog says. */
export interface World {
  readonly dataPath: string;
  /** What is in the file at each path: batches, `node/batch`. */
  readonly contents: Map<string, readonly string[]>;
  /** Batches whose commit resolved. */
  readonly acknowledged: Set<string>;
  /** Paths that a node took for removed. */
  readonly removed: Set<string>;
  /** How often an answer was lost and the change had taken effect all the same. */
  unclear: number;
  unavailable: number;
  conflicts: number;
}

const ROWS_PER_BATCH = 10;
const MOST_ATTEMPTS = 50;

/** One node at work: it flushes, compacts, moves, expires and removes, one after the other, at random. */
export class CatalogActor {
  readonly #nodeId: string;
  readonly #catalog: Catalog;
  readonly #random: SeededRandom;
  readonly #world: World;
  #batchId = 0;
  #names = 0;

  constructor(nodeId: string, catalog: Catalog, random: SeededRandom, world: World) {
    this.#nodeId = nodeId;
    this.#catalog = catalog;
    this.#random = random;
    this.#world = world;
  }

  async step(): Promise<void> {
    const dice = this.#below(100);
    if (dice < 45) await this.#flush();
    else if (dice < 75) await this.#compact();
    else if (dice < 90) await this.#move();
    else await this.#collect();
  }

  async #flush(): Promise<void> {
    const batch = `${this.#nodeId}/${++this.#batchId}`;
    const file = await this.#newFile([batch]);
    const table = await this.#retrying(() => this.#catalog.openTable('acme', 'logs'));
    const ranges = [{ batchId: this.#batchId, throughLsn: this.#batchId }];
    const sources = [{ source: this.#nodeId, next: this.#batchId }];
    const commit: CatalogCommit = { ...rewriteOf(table, [], [file]), ranges, sources };
    const files = await this.#retrying(() => this.#catalog.commit(commit));
    if (files.length === 0) this.#world.unclear++;
    this.#world.acknowledged.add(batch);
  }

  async #compact(): Promise<void> {
    const table = await this.#retrying(() => this.#catalog.openTable('acme', 'logs'));
    const files = await this.#someFiles(2 + this.#below(4));
    if (files.length < 2) return;
    const file = await this.#newFile(files.flatMap(({ path }) => this.#world.contents.get(path)!));
    await this.#retrying(() => this.#catalog.announce([file.path]));
    const replaces = files.map(({ fileId }) => fileId);
    await this.#conflicting(() => this.#catalog.commit(rewriteOf(table, replaces, [file])));
  }

  async #move(): Promise<void> {
    const [file] = await this.#someFiles(1);
    if (file === undefined) return;
    const to = `s3://cold/${this.#nodeId}-${++this.#names}`;
    this.#world.contents.set(to, this.#world.contents.get(file.path)!);
    await this.#retrying(() => this.#catalog.announce([to]));
    const move = { fileId: file.fileId, from: file.path, to, tier: 'cold' } as const;
    await this.#conflicting(() => this.#catalog.move(move));
  }

  async #collect(): Promise<void> {
    await this.#retrying(() => this.#catalog.expireSnapshots(Date.now() - this.#below(200)));
    const garbage = await this.#retrying(() => this.#catalog.garbage());
    const some = garbage.map(({ path }) => path).slice(0, this.#below(10));
    for (const path of some) this.#world.removed.add(path);
    await this.#retrying(() => this.#catalog.forgetGarbage(some));
  }

  async #newFile(batches: readonly string[]): Promise<NewDataFile> {
    const table = await this.#retrying(() => this.#catalog.openTable('acme', 'logs'));
    const file = fileOf(this.#world, table, `${this.#nodeId}-${++this.#names}`, {
      rows: ROWS_PER_BATCH * batches.length,
    });
    this.#world.contents.set(file.path, batches);
    return file;
  }

  async #someFiles(count: number): Promise<DataFile[]> {
    const files = [...(await this.#retrying(() => this.#catalog.files('acme', 'logs')))];
    // The same few files again and again, so that nodes get into each other's way.
    return Array.from({ length: Math.min(count, files.length) }, () => {
      return files.splice(this.#below(Math.min(8, files.length)), 1)[0]!;
    });
  }

  async #conflicting(change: () => Promise<unknown>): Promise<void> {
    await this.#retrying(change).catch((error: unknown) => {
      if (!isConflict(error)) throw error;
      this.#world.conflicts++;
    });
  }

  /** The same call until it is answered. */
  async #retrying<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        if (!isOpenWitError(error) || error.code !== 'STORE_UNAVAILABLE') throw error;
        assert.ok(attempt < MOST_ATTEMPTS, 'the catalog does not come back');
        this.#world.unavailable++;
      }
    }
  }

  #below(limit: number): number {
    return this.#random.below(limit);
  }
}

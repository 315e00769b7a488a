import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import {
  type Catalog,
  type CatalogCommit,
  type DataFile,
  indexPath,
  isOpenWitError,
  type NewDataFile,
  placesOf,
} from '@openwit/ports';
import { fileOf, isConflict, rewriteOf, type SeededRandom } from '@openwit/ports/testing';
import type { World } from './world.ts';

const ROWS_PER_BATCH = 10;
const MOST_ATTEMPTS = 50;

/** A part of a node at work: it flushes, compacts, indexes, moves, expires and removes, one after the other, at random. */
export class CatalogActor {
  readonly #name: string;
  readonly #catalog: Catalog;
  readonly #random: SeededRandom;
  readonly #world: World;
  readonly #nextBatchId: () => number;
  #names = 0;

  /** @param nextBatchId the node's: actors on one handle share it */
  constructor(name: string, catalog: Catalog, nextBatchId: () => number, random: SeededRandom, world: World) {
    this.#name = name;
    this.#catalog = catalog;
    this.#nextBatchId = nextBatchId;
    this.#random = random;
    this.#world = world;
  }

  async step(): Promise<void> {
    const dice = this.#below(100);
    if (dice < 45) await this.#flush();
    else if (dice < 70) await this.#compact();
    else if (dice < 80) await this.#index();
    else if (dice < 90) await this.#move();
    else await this.#collect();
  }

  async #flush(): Promise<void> {
    const batchId = this.#nextBatchId();
    const batch = `${this.#name}/${batchId}`;
    const file = await this.#newFile([batch]);
    const table = await this.#retrying(() => this.#catalog.openTable('acme', 'logs'));
    const ranges = [{ batchId, throughLsn: batchId }];
    const sources = [{ source: this.#name, next: batchId }];
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
    const replaces = files.map(({ fileId }) => fileId);
    await this.#announced([file.path], () => this.#catalog.commit(rewriteOf(table, replaces, [file])));
  }

  async #index(): Promise<void> {
    const [file] = await this.#someFiles(1);
    if (file === undefined) return;
    const name = (1000 * this.#below(1000) + ++this.#names).toString(16).padStart(8, '0');
    const index = { name, sizeBytes: 10, endBytes: 1, version: 1, columns: ['body'] };
    const { fileId, path: filePath } = file;
    const path = indexPath(filePath, index);
    this.#world.contents.set(path, this.#world.contents.get(filePath)!);
    await this.#announced([path], () => this.#catalog.setIndex({ fileId, filePath, index }));
  }

  async #move(): Promise<void> {
    const [file] = await this.#someFiles(1);
    if (file === undefined) return;
    const to = `s3://cold/${this.#name}-${++this.#names}`;
    const index = file.index?.name;
    const places = placesOf({ ...file, path: to });
    for (const path of places) this.#world.contents.set(path, this.#world.contents.get(file.path)!);
    const move = { fileId: file.fileId, from: file.path, to, tier: 'cold', index } as const;
    await this.#announced(places, () => this.#catalog.move(move));
  }

  async #collect(): Promise<void> {
    await this.#retrying(() => this.#catalog.expireSnapshots(Date.now() - this.#below(200)));
    const garbage = await this.#retrying(() => this.#catalog.garbage());
    const unused = garbage.map(({ path }) => path).filter((path) => !this.#world.pending.has(path));
    const some = unused.slice(0, this.#below(10));
    for (const path of some) this.#world.removed.add(path);
    await this.#retrying(() => this.#catalog.forgetGarbage(some));
  }

  async #newFile(batches: readonly string[]): Promise<NewDataFile> {
    const table = await this.#retrying(() => this.#catalog.openTable('acme', 'logs'));
    const file = fileOf(this.#world, table, `${this.#name}-${++this.#names}`, {
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

  /** Another may be first. */
  async #announced(paths: readonly string[], change: () => Promise<unknown>): Promise<void> {
    for (const path of paths) this.#world.pending.add(path);
    await this.#retrying(() => this.#catalog.announce(paths));
    await this.#retrying(change).catch((error: unknown) => {
      if (!isConflict(error)) throw error;
      this.#world.conflicts++;
    });
    for (const path of paths) this.#world.pending.delete(path);
  }

  /** The same call until it is answered. */
  async #retrying<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      // A database in this thread would otherwise give the others no turn.
      await setImmediate();
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Catalog, FileSystem, WalEntry } from '@openwit/ports';
import { DrivenClock, MemoryFileSystem, SeededRandom, walRecord } from '@openwit/ports/testing';
import { LsmStore } from './lsm-store.ts';
import { bodiesOf, fakeMerger, fakeWriters, openCatalog, rowsOfFile, sealed } from './testing/store-fixture.ts';
import { SegmentedWal } from './wal/segmented-wal.ts';

test('whatever crashes when, each acknowledged record is stored exactly once, for 150 seeds', async () => {
  for (let seed = 1; seed <= 150; seed++) await liveAndCrash(seed);
});

/**
 * Several lives of a node on one disk: each recovers, takes records from four writers that seal batches as they go, merges
 * their files, removes those that were replaced, and is stopped at a random operation, of a file or of the catalog, by a
 * power cut or a kill.
 */
async function liveAndCrash(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const fileSystem = new MemoryFileSystem();
  const catalog = await openCatalog();
  const acknowledged = new Set<string>();
  let asked = 0;
  for (let life = 0; life < 5; life++) {
    const process = new MortalCatalog(catalog, random);
    const clock = new DrivenClock();
    const node = await Node.open(fileSystem.process(), process.catalog, clock, async () => {
      const stray = await strayFiles(fileSystem, catalog);
      assert.deepEqual(stray, [], `seed ${seed}, life ${life}: files without a row`);
    });
    const visible = await node.visible(fileSystem);
    assert.equal(new Set(visible).size, visible.length, `seed ${seed}, life ${life}: a record is doubled`);
    for (const text of acknowledged) assert.ok(visible.includes(text), `seed ${seed}, life ${life}: ${text} is lost`);

    const stopped = fileSystem.stopAt(fileSystem.operations + 1 + random.below(200));
    const writers = Array.from({ length: 4 }, async () => {
      for (;;) {
        const text = `record ${++asked}`;
        await node.take(text);
        acknowledged.add(text);
        clock.advance(random.below(800));
      }
    });
    await Promise.race([stopped, process.died, ...writers]);
    process.kill();
    if (random.below(3) === 0) fileSystem.kill();
    else fileSystem.powerCut(random);
  }
  await catalog.close();
}

/** A node in small: records to the log, batches of five to the store. */
class Node {
  #wal!: SegmentedWal;
  #store!: LsmStore;
  #open: { batchId: number; texts: string[]; taken: number; lastLsn: number } | undefined;
  #nextBatchId = 1;

  static async open(
    fileSystem: FileSystem,
    catalog: Catalog,
    clock: DrivenClock,
    onSwept: () => Promise<void>,
  ): Promise<Node> {
    const node = new Node();
    const onForgotten = (batchIds: readonly number[]): void => void catalog.forgetRanges(batchIds);
    node.#wal = await SegmentedWal.open({ fileSystem }, { folder: '/node/wal', segmentBytes: 4700, onForgotten });
    for (const range of await catalog.committedRanges()) node.#wal.release(range);
    const writers = fakeWriters;
    const onCommitted = (range: Parameters<SegmentedWal['release']>[0]): void => node.#wal.release(range);
    const collaborators = { catalog, fileSystem, clock, writers, merger: fakeMerger(fileSystem), onCommitted };
    node.#store = await LsmStore.open(collaborators, {
      dataPath: '/data',
      nodeId: 'cafe0001',
      compaction: { minFiles: 3 },
      snapshotRetentionMs: 1000,
    });
    await onSwept();
    const batches = new Map<number, WalEntry[]>();
    for await (const entry of node.#wal.replay()) {
      batches.set(entry.batchId, [...(batches.get(entry.batchId) ?? []), entry]);
    }
    for (const [batchId, entries] of batches) {
      void node.#store.append(
        sealed(
          batchId,
          entries.at(-1)!.lsn,
          entries.map(({ payload }) => Buffer.from(payload).toString()),
        ),
      );
    }
    node.#nextBatchId = Math.max(node.#wal.nextBatchId, await catalog.nextBatchId());
    return node;
  }

  async take(text: string): Promise<void> {
    const batch = (this.#open ??= { batchId: this.#nextBatchId++, texts: [], taken: 0, lastLsn: 0 });
    if (++batch.taken === 5) this.#open = undefined;
    const lsn = await this.#wal.append(walRecord(0, { batchId: batch.batchId, payload: Buffer.from(text) }));
    batch.texts.push(text);
    batch.lastLsn = Math.max(batch.lastLsn, lsn);
    if (batch.texts.length === 5) void this.#store.append(sealed(batch.batchId, batch.lastLsn, batch.texts));
  }

  async visible(fileSystem: MemoryFileSystem): Promise<string[]> {
    const { batches, files } = this.#store.snapshot('acme', ['logs']).tables.get('logs')!;
    const texts = batches.flatMap(bodiesOf);
    for (const { path } of files) texts.push(...(await rowsOfFile(fileSystem, path)));
    return texts;
  }
}

async function strayFiles(fileSystem: MemoryFileSystem, catalog: Catalog): Promise<string[]> {
  const live = (await catalog.files('acme', 'logs')).map(({ path }) => path);
  const garbage = (await catalog.garbage()).map(({ path }) => path);
  const known = new Set([...live, ...(await catalog.retiredPaths()), ...garbage]);
  return (await pathsIn(fileSystem, '/data')).filter((path) => !known.has(path));
}

async function pathsIn(fileSystem: MemoryFileSystem, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const { name, isFolder } of await fileSystem.list(folder)) {
    const path = `${folder}/${name}`;
    if (isFolder) paths.push(...(await pathsIn(fileSystem, path)));
    else paths.push(path);
  }
  return paths;
}

/** The catalog as one process has it, which sometimes dies just before or just after a commit. */
class MortalCatalog {
  readonly catalog: Catalog;
  readonly died: Promise<void>;
  #isDead = false;
  readonly #die: () => void;

  constructor(durable: Catalog, random: SeededRandom) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.died = promise;
    this.#die = resolve;
    const commit: Catalog['commit'] = async (wanted) => {
      const fate = random.below(10);
      const files = fate === 0 ? [] : await durable.commit(wanted);
      if (fate <= 1) this.kill();
      return this.#isDead ? NEVER : files;
    };
    this.catalog = new Proxy(durable, {
      get: (target, key) => {
        const own = key === 'commit' ? commit : Reflect.get(target, key);
        if (typeof own !== 'function') return own;
        return (...args: unknown[]) => (this.#isDead ? NEVER : own.apply(target, args));
      },
    });
  }

  kill(): void {
    this.#isDead = true;
    this.#die();
  }
}

const NEVER = new Promise<never>(() => {});

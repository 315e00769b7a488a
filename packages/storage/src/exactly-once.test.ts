import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Catalog, WalEntry } from '@openwit/ports';
import { DrivenClock, MemoryFileSystem, SeededRandom, walRecord } from '@openwit/ports/testing';
import { LsmStore } from './lsm-store.ts';
import { bodiesOf, fakeWriters, openCatalog, rowsOfFile, sealed } from './store-fixture.ts';
import { SegmentedWal } from './wal/segmented-wal.ts';

test('whatever crashes when, each acknowledged record is stored exactly once, for 150 seeds', async () => {
  for (let seed = 1; seed <= 150; seed++) await liveAndCrash(seed);
});

/**
 * Several lives of a node on one disk: each recovers, takes records from four writers that seal batches as they go, and
 * is stopped at a random operation, of a file or of the catalog, by a power cut or a kill.
 */
async function liveAndCrash(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const fileSystem = new MemoryFileSystem();
  const catalog = await openCatalog();
  const acknowledged = new Set<string>();
  let asked = 0;
  for (let life = 0; life < 5; life++) {
    const crash = Promise.withResolvers<void>();
    const node = await Node.open(fileSystem, mortal(catalog, random, crash));
    const visible = await node.visible(fileSystem);
    assert.equal(new Set(visible).size, visible.length, `seed ${seed}, life ${life}: a record is doubled`);
    for (const text of acknowledged) assert.ok(visible.includes(text), `seed ${seed}, life ${life}: ${text} is lost`);

    const stopped = fileSystem.stopAt(fileSystem.operations + 1 + random.below(200));
    const writers = Array.from({ length: 4 }, async () => {
      for (;;) {
        const text = `record ${++asked}`;
        await node.take(text);
        acknowledged.add(text);
      }
    });
    await Promise.race([stopped, crash.promise, ...writers]);
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

  static async open(fileSystem: MemoryFileSystem, catalog: Catalog): Promise<Node> {
    const node = new Node();
    const onForgotten = (batchIds: readonly number[]): void => void catalog.forgetRanges(batchIds);
    node.#wal = await SegmentedWal.open({ fileSystem }, { folder: '/node/wal', segmentBytes: 600, onForgotten });
    for (const range of await catalog.committedRanges()) node.#wal.release(range);
    const writers = fakeWriters;
    const onCommitted = (range: Parameters<SegmentedWal['release']>[0]): void => node.#wal.release(range);
    const collaborators = { catalog, fileSystem, clock: new DrivenClock(), writers, onCommitted };
    node.#store = await LsmStore.open(collaborators, { dataPath: '/data', nodeId: 'cafe0001' });
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

/** The catalog, which sometimes dies just before or just after a commit. */
function mortal(catalog: Catalog, random: SeededRandom, crash: PromiseWithResolvers<void>): Catalog {
  const never = new Promise<never>(() => {});
  let isDead = false;
  const commit: Catalog['commit'] = async (wanted) => {
    if (isDead) return never;
    const fate = random.below(10);
    const files = fate === 0 ? [] : await catalog.commit(wanted);
    if (fate > 1) return files;
    isDead = true;
    crash.resolve();
    return never;
  };
  return new Proxy(catalog, {
    get: (target, key) => {
      const own = key === 'commit' ? commit : Reflect.get(target, key);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

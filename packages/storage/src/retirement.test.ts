import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { DrivenClock, keysOf, putObject, SeededRandom } from '@openwit/ports/testing';
import { BusyPaths } from './garbage-sweep.ts';
import { MemoryObjectStore } from './objects/memory-object-store.ts';
import { TrustedTime } from './retention/trusted-time.ts';
import { Retirement } from './retirement.ts';
import { TenantTables } from './tenant-tables.ts';
import { RETENTION_MS, StorePlace } from './testing/store-place.ts';

/** A retirement over a catalog whose garbage is what a test says. */
function placeOf({
  retiredPaths = async (): Promise<string[]> => [],
  onRemove = (_: readonly string[]): void => {},
} = {}) {
  const clock = new DrivenClock();
  const busy = new BusyPaths();
  const place = {
    clock,
    busy,
    garbage: [] as string[],
    removed: [] as string[],
    unfinishedBefore: [] as number[],
    expiredBefore: [] as number[],
  };
  const catalog = {
    expireSnapshots: async (beforeMs: number) => place.expiredBefore.push(beforeMs),
    garbage: async () => place.garbage.map((path) => ({ path, sinceMs: 0 })),
    forgetGarbage: async (paths: readonly string[]) => {
      place.garbage = place.garbage.filter((path) => !paths.includes(path));
    },
    retiredPaths,
    scrub: async () => {},
  };
  const store = { removeUnfinished: async (beforeMs: number) => place.unfinishedBefore.push(beforeMs) };
  const places = {
    stores: [store],
    remove: async (paths: readonly string[]) => {
      place.removed.push(...paths);
      onRemove(paths);
      return { removed: new Set(paths), failed: new Map() };
    },
  };
  const time = new TrustedTime(clock, clock.now(), 60_000);
  const retirement = new Retirement({ catalog, places, tables: new TenantTables(), busy, clock, time }, 1000);
  return Object.assign(place, { retirement });
}

test('garbage that is left while a sweep ends is swept by the next', async () => {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const place = placeOf({
    retiredPaths: async () => {
      asked.resolve();
      await answered.promise;
      return [];
    },
  });
  const first = place.retirement.run();
  await asked.promise;
  place.garbage = ['memory://cold/a.parquet'];
  place.retirement.garbageLeft();
  answered.resolve();
  await first;
  place.clock.advance(5000);
  await place.retirement.run();
  assert.deepEqual(place.removed, ['memory://cold/a.parquet']);
});

test('a clock that jumps for a while expires no snapshot early', async () => {
  const place = placeOf();
  const start = place.clock.now();
  await place.retirement.run();
  place.clock.jump(365 * 86_400_000);
  place.retirement.garbageLeft();
  place.clock.advance(5000);
  await place.retirement.run();
  assert.deepEqual(place.expiredBefore, [start - 1000, start + 4000]);
  for (let i = 0; i < 14; i++) {
    place.retirement.garbageLeft();
    place.clock.advance(5000);
    await place.retirement.run();
  }
  assert.equal(place.expiredBefore.at(-1), place.clock.now() - 1000, 'it has gone on for long enough');
});

test('an erasure removes uploads that were cut short before the start', async () => {
  const place = placeOf();
  const start = place.clock.now();
  place.clock.advance(1000);
  await place.retirement.erase();
  assert.deepEqual(place.unfinishedBefore, [start]);
});

test('an erasure ends on a node whose merges and moves leave garbage without end', async () => {
  const place = placeOf();
  place.garbage = ['/data/deleted.parquet', '/data/0.parquet'];
  place.busy.take(['/data/0.parquet']);
  let isOver = false;
  const erasure = place.retirement.erase().then(() => {
    isOver = true;
  });
  for (let i = 1; i <= 20 && !isOver; i++) {
    // The next is announced before the last one is published.
    const path = `/data/${i}.parquet`;
    place.busy.take([path]);
    place.garbage = [...place.garbage.filter((old) => old !== `/data/${i - 1}.parquet`), path];
    for (let turns = 0; turns < 20; turns++) await turn();
    place.clock.advance(200);
  }
  assert.ok(isOver);
  await erasure;
  assert.deepEqual(place.removed, ['/data/deleted.parquet']);
});

test('an erasure waits for the copy that a move makes of a file while that is removed', async () => {
  const copy = 'memory://cold/deleted.parquet';
  let letGo = () => {};
  const place = placeOf({
    onRemove: (paths) => {
      if (paths.includes(copy)) return;
      place.garbage = [...place.garbage, copy];
      letGo = place.busy.take([copy]);
    },
  });
  place.garbage = ['/data/deleted.parquet'];
  let isOver = false;
  const erasure = place.retirement.erase().then(() => {
    isOver = true;
  });
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.ok(!isOver);
  letGo();
  place.clock.advance(200);
  await erasure;
  assert.deepEqual(place.removed, ['/data/deleted.parquet', copy]);
});

test('what cannot be removed is tried again and told, and all else goes', async () => {
  const place = await StorePlace.make();
  await place.store.close();
  const cold = new MemoryObjectStore({ clock: place.clock, random: new SeededRandom(1) }, { url: 'memory://cold' });
  await putObject(cold, 'acme/logs/a.parquet', 'x');
  const damage = place.fileSystem.fail('EACCES', { operation: 'remove', path: /stuck/, times: Infinity });
  const elsewhere = 'memory://elsewhere/acme/logs/b.parquet';
  await place.catalog.announce([elsewhere, '/data/acme/stuck.parquet', 'memory://cold/acme/logs/a.parquet']);
  await place.reopen({ tiers: { cold } });
  await place.fill(8);
  await place.pass(RETENTION_MS + 20_000);
  assert.equal((await place.paths()).length, 1, 'what was merged is gone');
  assert.deepEqual(await keysOf(cold, ''), []);
  const left = async () => (await place.catalog.garbage()).map(({ path }) => path).sort();
  assert.deepEqual(await left(), ['/data/acme/stuck.parquet', elsewhere]);
  const { removedFiles, failures, lastError } = place.store.stats().retirement;
  assert.ok(removedFiles >= 9 && failures >= 2, `${removedFiles} ${failures}`);
  assert.match(String(lastError), /EACCES|no tier has the store/);
  damage.clear();
  await place.pass(70_000);
  assert.deepEqual(await left(), [elsewhere]);
  await place.store.close();
  await place.reopen({
    tiers: {
      cold: new MemoryObjectStore({ clock: place.clock, random: new SeededRandom(1) }, { url: 'memory://elsewhere' }),
    },
  });
  await place.pass(10_000);
  assert.deepEqual(await left(), []);
  assert.equal(place.store.stats().retirement.lastError, undefined);
  await place.store.close();
});

test('a store that is closed gives up what retirement removes', async () => {
  const place = await StorePlace.make();
  await place.store.close();
  const cold = new MemoryObjectStore({ clock: place.clock, random: new SeededRandom(1) }, { url: 'memory://cold' });
  const outage = cold.faults.slow(86_400_000, { operation: 'remove', times: Infinity });
  await place.catalog.announce(['memory://cold/acme/logs/a.parquet']);
  await place.reopen({ tiers: { cold } });
  await place.pass(5000);
  assert.equal(outage.seen, 1);
  const closing = place.store.close();
  await place.pass(1000);
  await closing;
  assert.equal(place.store.stats().retirement.failures, 0);
  assert.equal((await place.catalog.garbage()).length, 1);
});

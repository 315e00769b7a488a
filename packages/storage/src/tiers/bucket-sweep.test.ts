import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectStore } from '@openwit/ports';
import { keysOf, putObject, SeededRandom } from '@openwit/ports/testing';
import { MemoryObjectStore } from '../objects/memory-object-store.ts';
import { RETENTION_MS, StorePlace } from '../testing/store-place.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const STRAY = 'gone/logs/2026/11/24/cafe0001/stable-stray.parquet';

/** A store with both tiers, whose files go to the cold one at once. */
async function placeWithTiers(bucketSweep = {}) {
  const place = await StorePlace.make();
  await place.store.close();
  const parts = { clock: place.clock, random: new SeededRandom(1) };
  const cold = new MemoryObjectStore(parts, { url: 'memory://cold', pageSize: 2 });
  const archive = new MemoryObjectStore(parts, { url: 'memory://archive' });
  const open = (tiers: { cold: ObjectStore; archive: ObjectStore } = { cold, archive }) =>
    place.reopen({ tiers }, { policies: [{ coldAfterMs: 1 }], bucketSweep });
  await open();
  return { place, cold, archive, open };
}

test('an object that no table has goes when it is old, once an hour has passed and then each day', async () => {
  const { place, cold, archive, open } = await placeWithTiers();
  for (const store of [cold, archive]) await putObject(store, STRAY, 'x');
  await place.store.close();
  place.clock.advance(1000);
  await open();
  place.clock.advance(HOUR_MS - 2000);
  await place.settle();
  assert.deepEqual(await keysOf(cold, ''), [STRAY]);
  await putObject(cold, STRAY.replace('stray', 'young'), 'x');
  await place.pass(10_000);
  assert.deepEqual(await keysOf(archive, ''), []);
  assert.deepEqual(await keysOf(cold, ''), [STRAY.replace('stray', 'young')]);
  place.clock.advance(DAY_MS - 60_000);
  await place.settle();
  assert.equal((await keysOf(cold, '')).length, 1, 'it is not time yet');
  await place.pass(120_000);
  assert.deepEqual(await keysOf(cold, ''), []);
  assert.deepEqual(await place.catalog.garbage(), []);
  const { bucketSweep } = place.store.stats();
  assert.deepEqual(bucketSweep, { ...bucketSweep, sweeps: 2, strayObjects: 3, failures: 0, lastError: undefined });
  await place.store.close();
});

test('what a table has stays, also of older snapshots; so does what is another node’s, or no file', async () => {
  const { place, cold } = await placeWithTiers({ everyMs: 10_000, minAgeMs: 1000 });
  await place.fill(8);
  await place.pass(20_000);
  const [live] = place.files();
  assert.equal(live?.tier, 'cold');
  const others = ['acme/logs/2026/11/24/cafe0002/stable-1.parquet', 'acme/notes.txt', 'cafe0001/stable-1.parquet'];
  for (const key of others) await putObject(cold, key, 'x');
  const kept = [live.path.slice('memory://cold/'.length), ...others].sort();
  await place.catalog.dropTenant('acme');
  await place.pass(RETENTION_MS - 10_000);
  assert.deepEqual(await keysOf(cold, ''), kept, 'an older snapshot has it');
  assert.ok(place.store.stats().bucketSweep.sweeps >= 2);
  assert.equal(place.store.stats().bucketSweep.strayObjects, 0);
  await place.store.close();
});

test('what is moved while the bucket is listed stays', async () => {
  const { place, cold, archive, open } = await placeWithTiers({ everyMs: 10_000, minAgeMs: 1000 });
  await place.fill(8);
  await place.pass(5000);
  const [file] = place.files();
  await place.store.close();
  const key = 'acme/logs/2026/11/24/cafe0001/stable-moved.parquet';
  await putObject(cold, key, 'x');
  const { catalog } = place;
  const moving = async function* (
    prefix: string,
  ): AsyncGenerator<{ key: string; sizeBytes: number; isArchived: boolean }> {
    yield* cold.list(prefix);
    await catalog.move({ fileId: file!.fileId, from: file!.path, to: `memory://cold/${key}`, tier: 'cold' });
  };
  const listing: ObjectStore = new Proxy(cold, {
    get: (store, name) => {
      const own = name === 'list' ? moving : Reflect.get(store, name);
      return typeof own === 'function' ? own.bind(store) : own;
    },
  });
  await open({ cold: listing, archive });
  await place.pass(3000);
  assert.ok((await keysOf(cold, '')).includes(key));
  await place.store.close();
});

test('a sweep that fails is counted and tried again, and the other store is swept all the same', async () => {
  const { place, cold, archive } = await placeWithTiers();
  for (const store of [cold, archive]) await putObject(store, STRAY, 'x');
  const outage = cold.faults.fail('before', { operation: 'list', times: Infinity });
  place.clock.advance(HOUR_MS);
  await place.pass(10_000);
  assert.deepEqual([await keysOf(archive, ''), place.store.stats().bucketSweep.failures], [[], 1]);
  assert.match(String(place.store.stats().bucketSweep.lastError), /injected/);
  outage.clear();
  place.clock.advance(3 * HOUR_MS);
  await place.pass(10_000);
  assert.deepEqual(await keysOf(cold, ''), []);
  assert.equal(place.store.stats().bucketSweep.lastError, undefined);
  await place.store.close();
});

test('a store that is closed gives a sweep up', async () => {
  const { place, cold } = await placeWithTiers({ everyMs: 10_000, minAgeMs: 1000 });
  await putObject(cold, STRAY, 'x');
  cold.faults.slow(DAY_MS, { operation: 'list', times: Infinity });
  await place.pass(3000);
  await place.store.close();
  assert.equal(place.store.stats().bucketSweep.failures, 0);
});

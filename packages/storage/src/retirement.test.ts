import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DrivenClock, keysOf, putObject, SeededRandom } from '@openwit/ports/testing';
import { BusyPaths } from './garbage-sweep.ts';
import { MemoryObjectStore } from './objects/memory-object-store.ts';
import { Retirement } from './retirement.ts';
import { TenantTables } from './tenant-tables.ts';
import { RETENTION_MS, StorePlace } from './testing/store-place.ts';

test('garbage that is left while a sweep ends is swept by the next', async () => {
  const clock = new DrivenClock();
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const removed: string[] = [];
  let garbage: string[] = [];
  const retirement = new Retirement(
    {
      catalog: {
        expireSnapshots: async () => 0,
        garbage: async () => garbage.map((path) => ({ path, sinceMs: 0 })),
        forgetGarbage: async () => {},
        retiredPaths: async () => {
          asked.resolve();
          await answered.promise;
          return [];
        },
        scrub: async () => {},
      },
      places: {
        remove: async (paths) => {
          removed.push(...paths);
          return { removed: new Set(paths), failed: new Map() };
        },
      },
      tables: new TenantTables(),
      busy: new BusyPaths(),
      clock,
    },
    1000,
  );
  const first = retirement.run();
  await asked.promise;
  garbage = ['memory://cold/a.parquet'];
  retirement.garbageLeft();
  answered.resolve();
  await first;
  clock.advance(5000);
  await retirement.run();
  assert.deepEqual(removed, garbage);
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

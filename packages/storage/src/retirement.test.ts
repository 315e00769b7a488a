import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DrivenClock } from '@openwit/ports/testing';
import { BusyPaths } from './garbage-sweep.ts';
import { Retirement } from './retirement.ts';
import { TenantTables } from './tenant-tables.ts';

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
      places: { remove: async (paths) => void removed.push(...paths) },
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

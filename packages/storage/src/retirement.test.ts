import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { DrivenClock } from '@openwit/ports/testing';
import { BusyPaths } from './garbage-sweep.ts';
import { TrustedTime } from './retention/trusted-time.ts';
import { Retirement } from './retirement.ts';
import { TenantTables } from './tenant-tables.ts';

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

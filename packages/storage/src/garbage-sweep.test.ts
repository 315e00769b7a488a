import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BusyPaths, sweepGarbage } from './garbage-sweep.ts';
import { TenantTables } from './tenant-tables.ts';

/** A sweep of one path, whose list and removal a test lets come. */
function sweepOf(path: string) {
  const busy = new BusyPaths();
  const list = Promise.withResolvers<void>();
  const removal = Promise.withResolvers<void>();
  const removed: string[] = [];
  const sweep = sweepGarbage(
    {
      catalog: {
        garbage: async () => {
          await list.promise;
          return [{ path, sinceMs: 0 }];
        },
        forgetGarbage: async () => {},
      },
      places: {
        remove: async (paths) => {
          removed.push(...paths);
          await removal.promise;
          return { removed: new Set(paths), failed: new Map() };
        },
      },
      tables: new TenantTables(),
      busy,
    },
    new AbortController().signal,
  );
  return { busy, list, removal, removed, left: sweep.then(({ left }) => left) };
}

test('a file that was moved while the list of garbage was on its way is not removed', async () => {
  const { busy, list, removed, left } = sweepOf('memory://cold/a.parquet');
  const moved = busy.take(['memory://cold/a.parquet']);
  moved();
  list.resolve();
  assert.deepEqual([...(await left)], ['memory://cold/a.parquet']);
  assert.deepEqual(removed, []);
});

test('a path is busy as long as its removal is on its way', async () => {
  const { busy, list, removal, removed, left } = sweepOf('memory://cold/a.parquet');
  list.resolve();
  await new Promise(setImmediate);
  assert.deepEqual(removed, ['memory://cold/a.parquet']);
  assert.ok(busy.has('memory://cold/a.parquet'));
  removal.resolve();
  assert.equal((await left).size, 0);
  assert.ok(!busy.has('memory://cold/a.parquet'));
});

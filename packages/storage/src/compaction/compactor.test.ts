import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Snapshot } from '@openwit/ports';
import { MemoryFileSystem } from '@openwit/ports/testing';
import { fakeMerger } from '../testing/store-fixture.ts';
import { StorePlace as Place, RETENTION_MS } from '../testing/store-place.ts';

describe('a store that merges', () => {
  test('shows each record once at every step, and an old snapshot what it saw', async () => {
    const place = await Place.make();
    const before: Snapshot[] = [];
    let isDone = false;
    const filled = place
      .fill(8)
      .then(() => place.settle())
      .then(() => void (isDone = true));
    while (!isDone) {
      const snapshot = place.store.snapshot('acme', ['logs']);
      before.push(snapshot);
      await turn();
    }
    await filled;
    assert.deepEqual(place.names(), ['stable']);
    assert.equal(place.store.stats().compaction.jobs, 1);
    place.clock.advance(10 * RETENTION_MS);
    await place.settle();
    for (const snapshot of before) {
      const rows = await place.rows(snapshot);
      assert.equal(new Set(rows).size, rows.length);
    }
    assert.equal((await place.rows()).length, 16);
    await place.store.close();
  });

  test('removes replaced files when no query reads them and other readers have had their time', async () => {
    const place = await Place.make();
    await place.fill(8);
    const snapshot = place.store.snapshot('acme', ['logs']);
    await place.settle();
    assert.equal((await place.paths()).length, 9);
    place.clock.advance(RETENTION_MS + 6000);
    await place.settle();
    assert.equal((await place.paths()).length, 9, 'a query reads them');
    assert.equal((await place.rows(snapshot)).length, 16);
    snapshot.release();
    place.clock.advance(11_000);
    await place.settle();
    assert.equal((await place.paths()).length, 1);
    assert.deepEqual(await place.catalog.garbage(), []);
    await place.store.close();
  });

  test('removes replaced files also while a merge takes its time', async () => {
    const gate = Promise.withResolvers<void>();
    const place = await Place.make({
      merger: {
        merge: async (request) => {
          if (request.table === 'traces') await gate.promise;
          return place.merger.merge(request);
        },
        close: async () => {},
      },
    });
    await place.fill(8);
    await place.settle();
    await place.fill(8, 'traces');
    await place.settle();
    assert.equal((await place.paths()).length, 9 + 8);
    place.clock.advance(2 * RETENTION_MS);
    await place.settle();
    assert.deepEqual([place.names('logs'), place.names('traces').length], [['stable'], 8]);
    assert.equal((await place.paths()).length, 1 + 8);
    gate.resolve();
    await place.store.close();
  });

  test('keeps replaced files for the readers of old snapshots over a restart', async () => {
    const place = await Place.make();
    await place.fill(8);
    await place.settle();
    await place.store.close();
    const again = await place.reopen();
    assert.equal((await again.paths()).length, 9);
    again.clock.advance(2 * RETENTION_MS);
    await again.settle();
    assert.equal((await again.paths()).length, 1);
    await again.store.close();
  });

  test('merges all that is left when it is asked to', async () => {
    const place = await Place.make();
    await place.fill(3);
    await place.settle();
    assert.equal(place.names().length, 3);
    await place.store.compact();
    assert.deepEqual(place.names(), ['stable']);
    await place.store.close();
  });
});

for (const operation of ['open', 'sync', 'rename', 'syncFolder', 'makeFolder'] as const) {
  test(`a merge whose ${operation} fails is made again later, and nothing is lost`, async () => {
    const place = await Place.make();
    const fault = place.fileSystem.fail('EIO', {
      operation,
      path: operation === 'makeFolder' || operation === 'syncFolder' ? /./ : /stable/,
      times: Infinity,
    });
    fault.clear();
    await place.fill(7);
    const failing = place.fileSystem.fail('EIO', { operation, path: /stable|data/, times: Infinity });
    const last = place.fill(1);
    await place.settle();
    failing.clear();
    place.clock.advance(60_000);
    await last;
    await place.settle();
    place.clock.advance(60_000);
    await place.settle();
    assert.deepEqual(place.names(), ['stable']);
    assert.equal((await place.rows()).length, 16);
    await place.store.close();
  });
}

test('a job that fails keeps no other table back', async () => {
  const merger = fakeMerger(new MemoryFileSystem());
  const tried: string[] = [];
  const place = await Place.make({
    merger: {
      ...merger,
      merge: async (request) => {
        tried.push(request.table);
        if (request.table === 'logs') throw new Error('no luck');
        return place.merger.merge(request);
      },
    },
  });
  await place.fill(8);
  await place.fill(8, 'traces');
  await place.settle();
  assert.deepEqual(place.names('traces'), ['stable']);
  assert.equal(place.names('logs').length, 8);
  assert.match(String(place.store.stats().compaction.failures), /[1-9]/);
  const before = tried.length;
  place.clock.advance(6000);
  await place.settle();
  assert.ok(tried.length > before, 'it is tried again');
  await place.store.close();
});

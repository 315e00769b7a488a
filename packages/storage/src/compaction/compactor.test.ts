import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { isOpenWitError, OpenWitError, type Snapshot } from '@openwit/ports';
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

test('who asks for all that is left is told when some of it could not be merged', async () => {
  const place = await Place.make();
  await place.fill(3);
  const fault = place.fileSystem.fail('EIO', { operation: 'sync', path: /stable/, times: Infinity });
  await assert.rejects(place.store.compact(), (e) => isOpenWitError(e) && e.code === 'STORE_UNAVAILABLE');
  fault.clear();
  place.clock.advance(60_000);
  await place.store.compact();
  assert.deepEqual(place.names(), ['stable']);
  await place.store.close();
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

/** A catalog whose commits that replace files take effect, and whose answers to the first of them are lost. */
async function losingAnswers(times: number, settings: Parameters<typeof Place.make>[1] = {}): Promise<Place> {
  const place = await Place.make({}, settings);
  await place.store.close();
  const { catalog } = place;
  let left = times;
  const commit: typeof catalog.commit = async (wanted) => {
    const files = await catalog.commit(wanted);
    if (wanted.replaces.length > 0 && left-- > 0) {
      throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'the answer is lost');
    }
    return files;
  };
  const lossy = new Proxy(catalog, {
    get: (target, key) => {
      const own = key === 'commit' ? commit : Reflect.get(target, key);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
  await place.reopen({ catalog: lossy }, settings);
  return place;
}

test('a deletion comes next, however many merges are to be done', async () => {
  const merges: PromiseWithResolvers<void>[] = [];
  const place = await Place.make({
    merger: {
      merge: async (request) => {
        const gate = Promise.withResolvers<void>();
        merges.push(gate);
        await gate.promise;
        return place.merger.merge(request);
      },
      close: async () => {},
    },
  });
  await place.fill(8, 'traces');
  await place.fill(8, 'logs');
  await place.settle();
  let isOver = false;
  const deletion = place.store.deleteTenant('acme').then(() => {
    isOver = true;
  });
  await place.settle();
  assert.deepEqual([merges.length, isOver], [1, false]);
  merges[0]!.resolve();
  await place.pass(1000);
  assert.deepEqual([merges.length, isOver], [1, true]);
  await deletion;
  await place.store.close();
});

test('a merge whose commit was not heard of is found to be there, also when the next plan would be another', async () => {
  const place = await losingAnswers(1);
  await place.fill(8);
  await place.settle();
  await place.fill(1);
  await place.pass(RETENTION_MS + 60_000);
  assert.equal((await place.rows()).length, 18);
  const byId = place.files().toSorted((a, b) => a.fileId - b.fileId);
  assert.deepEqual(byId, await place.catalog.files('acme', 'logs'));
  await place.store.compact();
  assert.deepEqual(place.names(), ['stable']);
  await place.store.close();
});

test('files that a merge could not commit are removed, and not only by the next start', async () => {
  const place = await Place.make();
  await place.fill(7);
  const fault = place.fileSystem.fail('EIO', { operation: 'syncFolder', path: /cafe0001/, from: 2, times: Infinity });
  void place.fill(1);
  await place.settle();
  fault.clear();
  await place.pass(5 * RETENTION_MS);
  assert.deepEqual(place.names(), ['stable']);
  assert.deepEqual(
    await place.paths(),
    place.files().map(({ path }) => path),
  );
  assert.deepEqual(await place.catalog.garbage(), []);
  await place.store.close();
});

test('records whose removal by age was not heard of are removed once', async () => {
  const DAY_MS = 86_400_000;
  const place = await losingAnswers(1, { policies: [{ retentionMs: DAY_MS }], compaction: { minFiles: 100 } });
  await place.fill(2);
  for (let i = 0; i < 52; i++) {
    place.clock.advance(DAY_MS / 48);
    await place.settle(30);
  }
  await place.pass(RETENTION_MS + 20_000);
  assert.deepEqual(place.files(), []);
  assert.deepEqual(await place.paths(), []);
  await place.store.close();
});

test('replaced files go when the wall clock was late, and not only after the next commit', async () => {
  const place = await Place.make();
  await place.fill(8);
  await place.settle();
  place.clock.jump(-60_000);
  await place.pass(RETENTION_MS + 20_000);
  assert.equal((await place.paths()).length, 9);
  place.clock.jump(60_000);
  // A clock that jumps forward is believed when it has gone on for that long.
  await place.pass(3_600_000 + 20_000);
  assert.equal((await place.paths()).length, 1);
  await place.store.close();
});

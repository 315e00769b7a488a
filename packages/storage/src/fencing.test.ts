import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OpenWitError } from '@openwit/ports';
import { isFenced, MemoryFileSystem } from '@openwit/ports/testing';
import { SqliteCatalog } from './catalog/sqlite-catalog.ts';
import type { LsmStoreCollaborators, LsmStoreSettings } from './lsm-store-settings.ts';
import { sealedLogs } from './testing/store-fixture.ts';
import { StorePlace } from './testing/store-place.ts';

/** A store over a catalog in a file, which another opens by `takeOver`. */
async function placeOf(
  parts: Partial<LsmStoreCollaborators> = {},
  settings: Partial<LsmStoreSettings> = {},
): Promise<{ place: StorePlace; takeOver: () => Promise<SqliteCatalog> }> {
  const path = join(await mkdtemp(join(tmpdir(), 'openwit-fencing-')), 'catalog.sqlite');
  const place = new StorePlace(new MemoryFileSystem());
  const takeOver = () => SqliteCatalog.open({ clock: place.clock }, { path, dataPath: '/data' });
  place.catalog = await takeOver();
  await place.reopen(parts, settings);
  return { place, takeOver };
}

test('a store with nothing to write finds out that another has its node, and refuses everything', async () => {
  const { place, takeOver } = await placeOf();
  await place.fill(1);
  const other = await takeOver();
  await place.pass(6000);
  const { store } = place;
  assert.ok(isFenced(store.fenced) && isFenced(store.stats().fenced));
  assert.throws(() => store.checkRoom(), isFenced);
  assert.throws(() => store.snapshot('acme', ['logs']), isFenced);
  await assert.rejects(store.append(sealedLogs(2, 2)), isFenced);
  await assert.rejects(store.compact(), isFenced);
  await assert.rejects(store.deleteTenant('acme'), isFenced);
  await assert.rejects(
    store.deleteRows('acme', 'logs', async () => [0]),
    isFenced,
  );
  await store.close();
  assert.equal((await other.files('acme', 'logs')).length, 1);
});

test('a fenced store leaves the disk and the catalog alone, whatever was due', async () => {
  const policies = [{ retentionMs: 3_600_000 }];
  const { place, takeOver } = await placeOf({}, { policies, compaction: { minFiles: 4, quietMs: 1000 } });
  await place.fill(3);
  const other = await takeOver();
  await assert.rejects(place.store.append(sealedLogs(4, 2)), isFenced);
  const paths = await place.paths();
  const files = await other.files('acme', 'logs');
  await assert.rejects(place.store.append(sealedLogs(5, 2)), isFenced);
  for (let i = 0; i < 40; i++) {
    place.clock.advance(3_600_000);
    await place.settle(20);
  }
  const { failures, compaction } = place.store.stats();
  assert.deepEqual([failures, compaction.failures], [1, 0], 'nothing is tried again');
  assert.deepEqual(await place.paths(), paths);
  assert.deepEqual(await other.files('acme', 'logs'), files);
  await place.store.close();
});

test('a merge that is under way when another takes over changes nothing, and the other removes what it wrote', async () => {
  const gate = Promise.withResolvers<void>();
  const merger: LsmStoreCollaborators['merger'] = {
    merge: async (request) => {
      await gate.promise;
      return place.merger.merge(request);
    },
    close: async () => {},
  };
  const { place, takeOver } = await placeOf({ merger });
  await place.fill(8);
  await place.settle();
  const other = await takeOver();
  gate.resolve();
  await place.settle();
  assert.equal(place.store.stats().compaction.failures, 1);
  assert.equal((await other.files('acme', 'logs')).length, 8);
  await place.pass(6000);
  await place.store.close();

  place.catalog = other;
  await place.reopen();
  await place.pass(6000);
  assert.equal((await place.rows()).length, 16);
  assert.deepEqual(place.names(), ['stable']);
  await place.pass(60_000);
  assert.equal((await place.paths()).length, 1);
  await place.store.close();
});

test('a batch that waits for its next try fails when another takes over, and the store closes at once', async () => {
  const { place, takeOver } = await placeOf();
  await place.fill(1);
  const commit = place.catalog.commit.bind(place.catalog);
  place.catalog.commit = async () => {
    throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'the catalog does not answer');
  };
  const waiting = [place.store.append(sealedLogs(2, 2)), place.store.append(sealedLogs(3, 2))];
  for (const append of waiting) append.catch(() => {});
  await place.pass(60_000);
  assert.ok(place.store.stats().failures > 5);
  place.catalog.commit = commit;
  const other = await takeOver();
  await place.pass(6000);
  for (const append of waiting) await assert.rejects(append, isFenced);
  assert.equal(place.store.stats().pendingBatches, 2);
  await place.store.close();
  assert.equal((await other.files('acme', 'logs')).length, 1);
});

test('of a deletion that begins just after the takeover nothing is shown', async () => {
  const { place, takeOver } = await placeOf();
  await place.fill(2);
  const other = await takeOver();
  await other.dropTenant('acme');
  await assert.rejects(
    place.store.deleteRows('acme', 'logs', async () => [0]),
    isFenced,
  );
  assert.equal(place.files().length, 2);
  await place.store.close();
});

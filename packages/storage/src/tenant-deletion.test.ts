import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpenWitError, OpenWitError } from '@openwit/ports';
import { StorePlace as Place } from './testing/store-place.ts';

/** Runs a deletion to its end while the clock goes on. */
async function deleted(place: Place): Promise<void> {
  const deletion = place.store.deleteTenant('acme');
  deletion.catch(() => {});
  await place.pass(5000);
  return deletion;
}

test('files of a deleted tenant do not come back with a power cut', async () => {
  const place = await Place.make();
  await place.fill(3);
  await deleted(place);
  place.memory.powerCut();
  assert.deepEqual(await place.paths(), []);
});

test('a deletion says as what it failed when a file cannot be removed, and goes on when it is called again', async () => {
  const place = await Place.make();
  await place.fill(1);
  const fault = place.fileSystem.fail('EIO', { operation: 'remove', path: /active/, times: Infinity });
  await assert.rejects(deleted(place), (error) => isOpenWitError(error) && error.code === 'STORE_UNAVAILABLE');
  fault.clear();
  await deleted(place);
  assert.deepEqual(await place.paths(), []);
  await place.store.close();
});

test('a table that comes while a deletion waits for a merge goes or stays, in memory as in the catalog', async () => {
  const merging = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const place = await Place.make();
  const { merger } = place;
  const merge: typeof merger.merge = async (request) => {
    merging.resolve();
    await goOn.promise;
    return merger.merge(request);
  };
  await place.store.close();
  await place.reopen({ merger: { ...merger, merge } }, { compaction: { minFiles: 2 } });
  await place.fill(2);
  await merging.promise;
  const deletion = deleted(place);
  await place.fill(1, 'traces');
  goOn.resolve();
  await deletion;
  assert.deepEqual(place.files('traces'), await place.catalog.files('acme', 'traces'));
  assert.deepEqual(
    await place.paths(),
    place.files('traces').map(({ path }) => path),
  );
  await place.store.close();
});

test('a deletion that took effect without its answer shows in memory too', async () => {
  const place = await Place.make();
  await place.fill(2);
  await place.fill(1, 'traces');
  const dropTenant = place.catalog.dropTenant.bind(place.catalog);
  const files = place.catalog.files.bind(place.catalog);
  const lost = new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'no answer');
  place.catalog.dropTenant = async (tenant) => {
    await dropTenant(tenant);
    throw lost;
  };
  place.catalog.files = async () => Promise.reject(lost);
  await assert.rejects(deleted(place), lost);
  assert.equal(place.files().length, 2);
  place.catalog.files = files;
  place.catalog.dropTenant = dropTenant;
  await place.pass(60_000);
  assert.deepEqual([place.files(), place.files('traces')], [[], []]);
  assert.deepEqual(await place.paths(), []);
  await place.store.close();
});

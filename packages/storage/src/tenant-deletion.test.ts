import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpenWitError } from '@openwit/ports';
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

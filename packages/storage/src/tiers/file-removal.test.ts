import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storeForbids, storeUnavailable } from '../objects/object-errors.ts';
import { FileRemoval } from './file-removal.ts';

const URL = 's3://bucket';

/** A store that removes none of a request when it refuses one, as far as anybody can tell. */
function refusing(refuses: (key: string) => boolean, error = storeForbids) {
  const gone = new Set<string>();
  let requests = 0;
  const remove = async (keys: readonly string[]) => {
    requests++;
    const key = keys.find(refuses);
    if (key !== undefined) throw error({ url: URL, operation: 'remove', key }, undefined);
    for (const removed of keys) gone.add(removed);
  };
  return { store: { url: URL, remove }, gone, requests: () => requests };
}

const keys = Array.from({ length: 1000 }, (_, i) => `a/${i}`);
const urls = keys.map((key) => `${URL}/${key}`);

test('all objects are removed but those that are refused', async () => {
  const { store, gone, requests } = refusing((key) => ['a/0', 'a/77', 'a/999'].includes(key));
  const removal = new FileRemoval();
  await removal.objects(store, urls);
  assert.deepEqual([...removal.failed.keys()], [urls[0], urls[77], urls[999]]);
  assert.deepEqual([gone.size, removal.removed.size], [997, 997]);
  assert.ok(requests() < 70, `in ${requests()} requests`);
});

test('a store that refuses everything is not asked for everything', async () => {
  const { store, requests } = refusing(() => true);
  const removal = new FileRemoval();
  await removal.objects(store, urls);
  assert.equal(removal.failed.size, 10);
  assert.ok(requests() < 40, `${requests()} requests`);
});

test('a store that is not to be had is asked once', async () => {
  const { store, requests } = refusing(() => true, storeUnavailable);
  const removal = new FileRemoval();
  await removal.objects(store, urls);
  assert.deepEqual([requests(), removal.failed.size, removal.removed.size], [1, 1000, 0]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenWitError } from '@openwit/ports';
import { StorePlace as Place, RETENTION_MS } from '../testing/store-place.ts';
import type { MatchRows } from './row-removal.ts';

/** The rows that are deleted are chosen by their number. */
async function deleted(place: Place, match: MatchRows, signal?: AbortSignal) {
  const deletion = place.store.deleteRows('acme', 'logs', match, signal);
  deletion.catch(() => {});
  await place.pass(10_000);
  return deletion;
}

test('what is overloaded is waited for, until the signal says otherwise', async () => {
  const place = await Place.make();
  await place.fill(2);
  let refusals = 3;
  const overloaded = new OpenWitError('overloaded', 'OVERLOADED', 'others hold the cache', { retryAfterMs: 1000 });
  const match: MatchRows = async (_, { rows }) => {
    if (refusals-- > 0) throw overloaded;
    return Array.from({ length: rows }, (_, i) => i);
  };
  assert.equal(await deleted(place, match), 4);
  await place.fill(1);
  refusals = Infinity;
  const cancelling = new AbortController();
  const reason = new Error('enough');
  place.clock.schedule(5000, () => cancelling.abort(reason));
  await assert.rejects(deleted(place, match, cancelling.signal), reason);
  assert.equal(place.files().length, 1);
  await place.store.close();
});

test('what a removal announced and did not write goes by itself', async () => {
  const place = await Place.make();
  await place.fill(1);
  await place.pass(RETENTION_MS + 20_000);
  place.merger.merge = async () => Promise.reject(new OpenWitError('internal', 'INTERNAL', 'the thread died'));
  await assert.rejects(
    place.store.deleteRows('acme', 'logs', async () => [0]),
    { code: 'INTERNAL' },
  );
  assert.equal((await place.catalog.garbage()).length, 1);
  await place.pass(10_000);
  assert.deepEqual(await place.catalog.garbage(), []);
  assert.equal((await place.rows()).length, 2);
  await place.store.close();
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesContent, systemClock, systemRandom } from '@openwit/ports';
import { DrivenClock, hasCode, SeededRandom, testObjectStore } from '@openwit/ports/testing';
import { MemoryObjectStore } from './memory-object-store.ts';

testObjectStore(
  'MemoryObjectStore',
  async () => new MemoryObjectStore({ clock: systemClock, random: systemRandom }, { pageSize: 3 }),
  { partBytes: 1000, storageClass: 'ARCHIVE' },
);

const content = bytesContent(Buffer.from('content'));

function drivenStore(settings = {}) {
  const clock = new DrivenClock();
  return { clock, store: new MemoryObjectStore({ clock, random: new SeededRandom(1) }, settings) };
}

test('an archived object is read after it was restored, for as many days as were asked for', async () => {
  const { clock, store } = drivenStore({ restoreMs: 1000 });
  await store.put('k', content, { storageClass: 'ARCHIVE' });
  await assert.rejects(store.get('k'), hasCode('OBJECT_ARCHIVED'));
  await assert.rejects(store.setStorageClass('k', 'STANDARD'), hasCode('OBJECT_ARCHIVED'));
  assert.equal(await store.restore('k', { days: 1 }), 'pending');
  clock.advance(999);
  assert.equal(await store.restore('k', { days: 1 }), 'pending');
  clock.advance(1);
  assert.equal(await store.restore('k', { days: 1 }), 'ready');
  assert.equal((await store.get('k')).length, 7);
  clock.advance(86_400_000);
  assert.equal((await store.head('k'))?.isArchived, true);
});

test('a request can fail before or after its effect', async () => {
  const { store } = drivenStore();
  store.faults.fail('before', { operation: 'put', key: /^k$/ });
  await assert.rejects(store.put('k', content), hasCode('OBJECT_STORE_UNAVAILABLE'));
  assert.equal(await store.head('k'), undefined);
  store.faults.fail('after', { operation: 'put', from: 2 });
  await store.put('j', content);
  await assert.rejects(store.put('k', content), hasCode('OBJECT_STORE_UNAVAILABLE'));
  assert.equal((await store.head('k'))?.sizeBytes, 7);
});

test('a request can be slow, and its effect can come twice', async () => {
  const { clock, store } = drivenStore({ latencyMs: [10, 20] });
  const slow = store.faults.slow(1000, { operation: 'put' });
  store.faults.repeat(5000, { operation: 'put' });
  const put = store.put('k', content);
  await new Promise(setImmediate);
  clock.advance(1009);
  assert.equal(slow.seen, 1);
  clock.advance(11);
  const first = await put;
  const removed = store.remove(['k']);
  await new Promise(setImmediate);
  clock.advance(20);
  await removed;
  clock.advance(5000);
  const [again] = await Promise.all([store.head('k'), new Promise(setImmediate).then(() => clock.advance(20))]);
  assert.ok(again !== undefined && again.version !== first.version, 'the late put came after the removal');
});

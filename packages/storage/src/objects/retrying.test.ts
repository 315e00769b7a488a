import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesContent, type ObjectStore, type Random, surrounded } from '@openwit/ports';
import { DrivenClock, hasCode, objectsOf, putObject, SeededRandom, testObjectStore } from '@openwit/ports/testing';
import { MemoryObjectStore } from './memory-object-store.ts';
import { metered, RequestCounts } from './metered.ts';
import { retrying } from './retrying.ts';

const most: Random = { bytes: (length) => new Uint8Array(length).fill(255) };

/** A store, its faults, and a clock that runs as fast as it is waited for. */
function place(random: Random = most) {
  const clock = new DrivenClock();
  const memory = new MemoryObjectStore({ clock, random }, { pageSize: 3 });
  const counts = new RequestCounts();
  const settings = { attempts: 4, firstDelayMs: 100, longestDelayMs: 300, timeoutMs: 1000 };
  const store = retrying(metered(memory, counts.add), { clock, random }, settings);
  const startMs = clock.monotonic();
  const run = async <T>(promise: Promise<T>): Promise<T> => {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    promise.then(settle, settle);
    for (let i = 0; i < 100_000 && !isSettled; i++) {
      await new Promise(setImmediate);
      if (!isSettled) clock.advance(1);
    }
    return promise;
  };
  return { clock, memory, store, counts, run, elapsed: () => clock.monotonic() - startMs };
}

function plain(): ObjectStore {
  const { store } = place();
  return store;
}

testObjectStore('a store that is retried and metered', async () => plain(), {
  partBytes: 1000,
  storageClass: 'ARCHIVE',
});

test('a request that fails is sent again, after a longer wait each time', async () => {
  const { memory, store, counts, run, elapsed } = place();
  memory.faults.fail('before', { times: 3 });
  await run(putObject(store, 'k', 'x'));
  // 100, 200 and 300 ms, less a hair: the greatest of the jitter.
  assert.ok(elapsed() >= 600 && elapsed() < 620, String(elapsed()));
  assert.deepEqual(counts.of('put'), { requests: 4, failures: 3, sentBytes: 4, receivedBytes: 0 });
});

test('after the last attempt the failure is the caller’s', async () => {
  const { memory, store, counts, run } = place();
  memory.faults.fail('before', { times: 4 });
  await assert.rejects(run(store.head('k')), hasCode('OBJECT_STORE_UNAVAILABLE'));
  assert.equal(counts.total().requests, 4);
});

test('what a retry cannot help is not sent again', async () => {
  const { store, counts } = place();
  await assert.rejects(store.get('k'), hasCode('OBJECT_NOT_FOUND'));
  await putObject(store, 'k', 'x');
  await assert.rejects(store.put('k', bytesContent(new Uint8Array(1)), { ifAbsent: true }), hasCode('OBJECT_EXISTS'));
  assert.equal(counts.total().requests, 3);
});

test('the store’s own wait is kept, up to the longest', async () => {
  const { memory, store, run, elapsed } = place(new SeededRandom(1));
  memory.faults.fail('before', {}, { retryAfterMs: 250 });
  await run(store.head('k'));
  assert.ok(elapsed() >= 250 && elapsed() < 260, String(elapsed()));
  memory.faults.fail('before', {}, { retryAfterMs: 60_000 });
  await run(store.head('k'));
  assert.ok(elapsed() >= 550 && elapsed() < 570, String(elapsed()));
});

test('an attempt that takes too long is given up and made again', async () => {
  const { memory, store, run, counts } = place();
  memory.faults.slow(10_000);
  assert.equal(await run(store.head('k')), undefined);
  assert.equal(counts.of('head').failures, 1);
  memory.faults.slow(10_000, { times: 10 });
  await assert.rejects(run(store.head('k')), hasCode('OBJECT_STORE_UNAVAILABLE'));
});

test('the caller’s signal ends the waiting', async () => {
  const { memory, store, run, clock } = place();
  memory.faults.fail('before', { times: 10 });
  const controller = new AbortController();
  clock.schedule(150, () => controller.abort(new Error('enough')));
  await assert.rejects(run(store.head('k', { signal: controller.signal })), /enough/);
});

test('a put whose answer was lost succeeds when its own content is there', async () => {
  const { memory, store, run, counts } = place();
  memory.faults.fail('after', { operation: 'put' });
  const info = await run(store.put('k', bytesContent(Buffer.from('mine')), { ifAbsent: true }));
  assert.equal(info.sizeBytes, 4);
  assert.equal(counts.of('put').requests, 2);
});

test('a put that was given up but happened all the same succeeds too', async () => {
  const { memory, clock, run } = place();
  const deaf = surrounded(memory, (_request, send) => send(undefined));
  const store = retrying(deaf, { clock, random: most }, { attempts: 3, firstDelayMs: 100, timeoutMs: 1000 });
  memory.faults.slow(1050, { operation: 'put' });
  const info = await run(store.put('k', bytesContent(Buffer.from('mine')), { ifAbsent: true }));
  assert.equal(info.sizeBytes, 4);
});

test('a put whose answer was lost fails when another’s content is there', async () => {
  for (const other of ['other', 'them']) {
    const { memory, store, run } = place();
    memory.faults.fail('before', { operation: 'put' });
    const first = store.put('k', bytesContent(Buffer.from('mine')), { ifAbsent: true });
    await new Promise(setImmediate);
    await putObject(memory, 'k', other);
    await assert.rejects(run(first), hasCode('OBJECT_EXISTS'));
    assert.equal(Buffer.from(await memory.get('k')).toString(), other);
  }
});

test('every page of a list is sent again by itself', async () => {
  const { memory, store, run, counts } = place();
  for (let i = 0; i < 8; i++) await putObject(memory, `k${i}`, 'x');
  memory.faults.fail('before', { operation: 'list', from: 2, times: 2 });
  const listed = await run(objectsOf(store, ''));
  assert.equal(listed.length, 8);
  assert.deepEqual(counts.of('list'), { requests: 5, failures: 2, sentBytes: 0, receivedBytes: 0 });
});

test('received bytes are counted', async () => {
  const { store, counts } = place();
  await putObject(store, 'k', '0123456789');
  await store.get('k');
  await store.get('k', { range: { offset: 5, length: 100 } });
  assert.equal(counts.total().receivedBytes, 15);
  assert.equal(counts.total().sentBytes, 10);
});

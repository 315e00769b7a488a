import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesContent } from '../object-content.ts';
import type { ObjectContent, ObjectStore } from '../object-store.ts';
import { hasCode, keysOf, type ObjectStoreTraits, patternBytes } from './object-store-fixture.ts';

const MINUTE_MS = 60_000;

export function testUnfinished(make: () => Promise<ObjectStore>, traits: ObjectStoreTraits): void {
  const { partBytes, leavesParts = false } = traits;
  const bytes = patternBytes(Math.floor(partBytes * 2.5));

  test('an upload that is under way and younger goes on', async () => {
    const store = await make();
    const content = stoppingContent(bytes, partBytes);
    const put = store.put('k', content);
    await content.stopped;
    assert.equal(await store.removeUnfinished(Date.now() - MINUTE_MS), 0);
    content.goOn();
    await put;
    assert.equal(Buffer.compare(await store.get('k'), bytes), 0);
    assert.equal(await store.removeUnfinished(Date.now() + MINUTE_MS), 0, 'it is finished');
    assert.deepEqual(await keysOf(store, ''), ['k']);
    await store.close();
  });

  test('an upload that was begun before is removed, and objects stay', async () => {
    const store = await make();
    await store.put('old', bytesContent(bytes));
    const contents = Array.from({ length: 4 }, () => stoppingContent(bytes, partBytes));
    const puts = contents.map((content, i) => store.put(`new/${i}`, content));
    const ended = Promise.allSettled(puts);
    await Promise.all(contents.map(({ stopped }) => stopped));
    assert.equal(await store.removeUnfinished(Date.now() + MINUTE_MS), leavesParts ? puts.length : 0);
    assert.equal(await store.removeUnfinished(Date.now() + MINUTE_MS), 0);
    for (const { goOn } of contents) goOn();
    for (const result of await ended) {
      assert.equal(result.status, leavesParts ? 'rejected' : 'fulfilled');
      if (result.status === 'rejected') hasCode('OBJECT_STORE_UNAVAILABLE')(result.reason);
    }
    if (leavesParts) assert.deepEqual(await keysOf(store, ''), ['old']);
    assert.equal(Buffer.compare(await store.get('old'), bytes), 0);
    assert.equal(await store.removeUnfinished(Date.now() + MINUTE_MS), 0);
    await store.close();
  });
}

/** Content that stops behind its first part, or before all of it where that is read at once. */
function stoppingContent(
  bytes: Uint8Array,
  partBytes: number,
): ObjectContent & { readonly stopped: Promise<void>; readonly goOn: () => void } {
  const whole = bytesContent(bytes);
  const stopped = Promise.withResolvers<void>();
  const going = Promise.withResolvers<void>();
  return {
    sizeBytes: bytes.length,
    read: async (offset, length) => {
      if (offset >= partBytes || length > partBytes) {
        stopped.resolve();
        await going.promise;
      }
      return whole.read(offset, length);
    },
    stopped: stopped.promise,
    goOn: going.resolve,
  };
}

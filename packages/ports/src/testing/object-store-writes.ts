import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesContent } from '../object-content.ts';
import type { ObjectContent, ObjectStore } from '../object-store.ts';
import { hasCode, keysOf, patternBytes, putObject } from './object-store-fixture.ts';

export function testWrites(make: () => Promise<ObjectStore>, { partBytes }: { readonly partBytes: number }): void {
  test('an object is replaced, by a smaller one too', async () => {
    const store = await make();
    const first = await putObject(store, 'k', 'a long first content');
    const second = await putObject(store, 'k', 'short');
    assert.equal(Buffer.from(await store.get('k')).toString(), 'short');
    if (first.version !== undefined) assert.notEqual(second.version, first.version);
    await store.close();
  });

  test('of many puts at once that want the key to be free, one succeeds', async () => {
    const store = await make();
    const contents = Array.from({ length: 16 }, (_, i) => `writer ${i}`);
    const results = await Promise.allSettled(
      contents.map((content) => store.put('lock', bytesContent(Buffer.from(content)), { ifAbsent: true })),
    );
    const winners = contents.filter((_, i) => results[i]!.status === 'fulfilled');
    assert.equal(winners.length, 1);
    for (const result of results) {
      // A server may ask some to try again while one is under way; it is then taken.
      if (result.status === 'rejected') hasCode('OBJECT_EXISTS', 'OBJECT_STORE_UNAVAILABLE')(result.reason);
    }
    assert.equal(Buffer.from(await store.get('lock')).toString(), winners[0]);
    await assert.rejects(
      store.put('lock', bytesContent(Buffer.from('late')), { ifAbsent: true }),
      hasCode('OBJECT_EXISTS'),
    );
    await store.close();
  });

  test('a large object is not put where there is one', async () => {
    const store = await make();
    const bytes = patternBytes(partBytes + 10);
    await store.put('large', bytesContent(bytes), { ifAbsent: true });
    const other = bytesContent(patternBytes(partBytes + 10, 2));
    await assert.rejects(store.put('large', other, { ifAbsent: true }), hasCode('OBJECT_EXISTS'));
    assert.equal(Buffer.compare(await store.get('large'), bytes), 0);
    await store.close();
  });

  test('who reads while an object is replaced gets one content or the other', async () => {
    const store = await make();
    const versions = [patternBytes(20_000, 3), patternBytes(30_000, 4)];
    await putObject(store, 'k', versions[0]!);
    const seen = new Set<number>();
    let isWriting = true;
    const writer = (async () => {
      for (let i = 1; i <= 20; i++) await putObject(store, 'k', versions[i % 2]!);
      isWriting = false;
    })();
    while (isWriting) {
      const bytes = await store.get('k');
      seen.add(versions.findIndex((version) => Buffer.compare(version, bytes) === 0));
    }
    await writer;
    assert.ok(!seen.has(-1), 'a mixture was read');
    await store.close();
  });

  test('many calls at once do not disturb each other', async () => {
    const store = await make();
    const keys = Array.from({ length: 40 }, (_, i) => `many/${String(i).padStart(2, '0')}`);
    await Promise.all(keys.map((key, i) => putObject(store, key, patternBytes(100 + i, i + 1))));
    const found = await Promise.all(keys.map((key) => store.get(key)));
    for (const [i, bytes] of found.entries()) assert.deepEqual(Uint8Array.from(bytes), patternBytes(100 + i, i + 1));
    assert.deepEqual(await keysOf(store, 'many/'), keys);
    await store.close();
  });

  test('removed objects are gone, and what was not there is no error', async () => {
    const store = await make();
    const keys = Array.from({ length: 8 }, (_, i) => `gone/${i}`);
    for (const key of [...keys, 'stays']) await putObject(store, key, key);
    await store.remove([...keys, 'never', 'no/such/folder']);
    await store.remove(['gone/0']);
    await store.remove([]);
    assert.deepEqual(await keysOf(store, ''), ['stays']);
    await putObject(store, 'gone/1', 'again');
    assert.deepEqual(await keysOf(store, ''), ['gone/1', 'stays']);
    await store.close();
  });

  test('a put that is aborted or whose content fails leaves nothing and changes nothing', async () => {
    const store = await make();
    await putObject(store, 'old', 'old content');
    const bytes = patternBytes(Math.floor(partBytes * 2.5));
    for (const key of ['new', 'old']) {
      const controller = new AbortController();
      const reason = new Error('enough');
      const stopping = failingAfter(bytes, partBytes, () => controller.abort(reason));
      await assert.rejects(store.put(key, stopping, { signal: controller.signal }), reason);
      const broken = failingAfter(bytes, partBytes, () => {
        throw new Error('the disk broke');
      });
      await assert.rejects(store.put(key, broken));
    }
    await assert.rejects(store.get('old', { signal: AbortSignal.abort(new Error('before')) }), /before/);
    assert.deepEqual(await keysOf(store, ''), ['old']);
    assert.equal(Buffer.from(await store.get('old')).toString(), 'old content');
    await store.close();
  });
}

/** Content that strikes when a part after the first is read, or all of it at once. */
function failingAfter(bytes: Uint8Array, partBytes: number, strike: () => void): ObjectContent {
  const whole = bytesContent(bytes);
  return {
    sizeBytes: bytes.length,
    read: async (offset, length) => {
      if (offset >= partBytes || length > partBytes) strike();
      return whole.read(offset, length);
    },
  };
}

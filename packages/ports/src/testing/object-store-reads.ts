import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectStore } from '../object-store.ts';
import { hasCode, keysOf, objectsOf, patternBytes, putObject } from './object-store-fixture.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

export function testReads(make: () => Promise<ObjectStore>, { partBytes }: { readonly partBytes: number }): void {
  test('what was put is read, described and listed', async () => {
    const store = await make();
    const info = await putObject(store, 'a/b.txt', 'hello');
    assert.equal(info.key, 'a/b.txt');
    assert.equal(info.sizeBytes, 5);
    assert.equal(text(await store.get('a/b.txt')), 'hello');
    const head = await store.head('a/b.txt');
    assert.equal(head?.sizeBytes, 5);
    assert.equal(head?.version, info.version);
    assert.equal(head?.isArchived, false);
    const [listed] = await objectsOf(store, '');
    assert.deepEqual({ ...listed, lastModifiedMs: undefined }, { ...head, lastModifiedMs: undefined });
    await store.close();
  });

  test('a range is as long as the object allows', async () => {
    const store = await make();
    await putObject(store, 'ten', '0123456789');
    const read = async (offset: number, length: number) => text(await store.get('ten', { range: { offset, length } }));
    assert.equal(await read(0, 1), '0');
    assert.equal(await read(0, 10), '0123456789');
    assert.equal(await read(9, 1), '9');
    assert.equal(await read(3, 4), '3456');
    assert.equal(await read(8, 100), '89');
    assert.equal(await read(0, 100), '0123456789');
    assert.equal(await read(10, 1), '');
    assert.equal(await read(1000, 5), '');
    assert.equal(await read(4, 0), '');
    await store.close();
  });

  test('an object can be empty', async () => {
    const store = await make();
    await putObject(store, 'empty', '');
    assert.equal((await store.get('empty')).length, 0);
    assert.equal((await store.get('empty', { range: { offset: 0, length: 5 } })).length, 0);
    assert.equal((await store.head('empty'))?.sizeBytes, 0);
    await store.close();
  });

  for (const [what, sizeBytes] of [
    ['exactly one part', partBytes],
    ['a part and a byte', partBytes + 1],
    ['two and a half parts', Math.floor(partBytes * 2.5)],
  ] as const) {
    test(`an object of ${what} is read whole and in ranges`, async () => {
      const store = await make();
      const bytes = patternBytes(sizeBytes);
      await putObject(store, 'large', bytes);
      assert.equal((await store.head('large'))?.sizeBytes, sizeBytes);
      assert.equal(Buffer.compare(await store.get('large'), bytes), 0);
      const range = { offset: partBytes - 3, length: 7 };
      const found = await store.get('large', { range });
      assert.deepEqual(Uint8Array.from(found), bytes.slice(range.offset, range.offset + range.length));
      await store.close();
    });
  }

  test('keys are taken as they are', async () => {
    const store = await make();
    const keys = [
      'a b/c  d.txt',
      'a+b&c=d',
      'a%20b%2Fc%',
      'a#b?c',
      'größe/日本語/𝒳.bin',
      'quotes\'"(x)!*~@:,;$[]{}^`|<>',
      'x'.repeat(200),
    ];
    for (const key of keys) await putObject(store, key, key);
    for (const key of keys) assert.equal(text(await store.get(key)), key);
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(await keysOf(store, ''), sorted);
    assert.equal((await store.head(keys[4]!))?.key, keys[4]);
    await store.remove(keys);
    assert.deepEqual(await keysOf(store, ''), []);
    await store.close();
  });

  test('a list goes by the bytes of the keys, over pages, and only below the prefix', async () => {
    const store = await make();
    const keys = ['a-b', 'a/1', 'a/10', 'a/2/x', 'a/2/y', 'a/2-y', 'a0', 'b/1', 'b/\uffee'];
    for (const key of keys.toReversed()) await putObject(store, key, key);
    assert.deepEqual(await keysOf(store, ''), [
      'a-b',
      'a/1',
      'a/10',
      'a/2-y',
      'a/2/x',
      'a/2/y',
      'a0',
      'b/1',
      'b/\uffee',
    ]);
    assert.deepEqual(await keysOf(store, 'a/'), ['a/1', 'a/10', 'a/2-y', 'a/2/x', 'a/2/y']);
    assert.deepEqual(await keysOf(store, 'a/2'), ['a/2-y', 'a/2/x', 'a/2/y']);
    assert.deepEqual(await keysOf(store, 'a/2/x'), ['a/2/x']);
    assert.deepEqual(await keysOf(store, 'c'), []);
    assert.deepEqual(await keysOf(store, 'a-b/'), []);
    for (const prefix of ['../', '/', 'a//', 'a/../', './', 'a\\', '.', '\ud800'])
      assert.deepEqual(await keysOf(store, prefix), [], prefix);
    await store.close();
  });

  test('what is not there is told so', async () => {
    const store = await make();
    await putObject(store, 'folder/file', 'x');
    for (const key of ['nothing', 'folder/other', 'folder']) {
      assert.equal(await store.head(key), undefined);
      await assert.rejects(store.get(key), hasCode('OBJECT_NOT_FOUND'));
      await assert.rejects(store.get(key, { range: { offset: 5, length: 0 } }), hasCode('OBJECT_NOT_FOUND'));
      await assert.rejects(store.restore(key, { days: 1 }), hasCode('OBJECT_NOT_FOUND'));
    }
    await store.close();
  });
}

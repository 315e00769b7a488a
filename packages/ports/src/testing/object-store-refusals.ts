import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesContent } from '../object-content.ts';
import type { ObjectStore } from '../object-store.ts';
import { hasCode, keysOf, type ObjectStoreTraits, objectsOf, putObject } from './object-store-fixture.ts';

export function testClasses(make: () => Promise<ObjectStore>, traits: ObjectStoreTraits): void {
  const { storageClass, lacks = [] } = traits;
  if (storageClass !== undefined) {
    test('an object is put into a class and moved from one to another, its content unchanged', async () => {
      const store = await make();
      await store.put('direct', bytesContent(Buffer.from('in a class')), { storageClass });
      assert.equal((await store.head('direct'))?.storageClass, storageClass);
      await putObject(store, 'moved', 'from the default');
      assert.notEqual((await store.head('moved'))?.storageClass, storageClass);
      await store.setStorageClass('moved', storageClass);
      assert.equal((await store.head('moved'))?.sizeBytes, 16);
      const classes = (await objectsOf(store, '')).map((info) => info.storageClass);
      assert.equal(classes[0], storageClass);
      if (!lacks.includes('movedClass')) assert.equal(classes[1], storageClass);
      if (!lacks.includes('movedClass')) assert.equal((await store.head('moved'))?.storageClass, storageClass);
      await assert.rejects(store.setStorageClass('nothing', storageClass), hasCode('OBJECT_NOT_FOUND'));
      await store.close();
    });
  }

  if (!lacks.includes('unknownClass')) {
    test('a class that the store does not have is refused', async () => {
      const store = await make();
      const options = { storageClass: 'NO_SUCH_CLASS' };
      await assert.rejects(store.put('k', bytesContent(Buffer.from('x')), options), hasCode('INVALID_CONFIG'));
      assert.deepEqual(await keysOf(store, ''), []);
      await putObject(store, 'k', 'x');
      await assert.rejects(store.setStorageClass('k', 'NO_SUCH_CLASS'), hasCode('INVALID_CONFIG'));
      await store.close();
    });
  }

  test('an object that is not archived is ready at once', async () => {
    const store = await make();
    await putObject(store, 'k', 'x');
    assert.equal(await store.restore('k', { days: 1 }), 'ready');
    await store.close();
  });
}

export function testRefusals(make: () => Promise<ObjectStore>, { forbidden = {} }: ObjectStoreTraits): void {
  test('a key that some store could not have is refused by all', async () => {
    const store = await make();
    const tooLong = `${'x'.repeat(250)}/`.repeat(5);
    const part = 'x'.repeat(256);
    const keys = [
      '',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      'a/../b',
      './a',
      '.hidden',
      'a.',
      'a\\b',
      'a\nb',
      '\ud800',
      tooLong,
      part,
    ];
    for (const key of keys) {
      const refused = hasCode('INVALID_OBJECT_KEY');
      await assert.rejects(putObject(store, key, 'x'), refused, JSON.stringify(key));
      await assert.rejects(store.get(key), refused);
      await assert.rejects(store.head(key), refused);
      await assert.rejects(store.remove(['fine', key]), refused);
      await assert.rejects(store.setStorageClass(key, 'x'), refused);
      await assert.rejects(store.restore(key, { days: 1 }), refused);
    }
    assert.deepEqual(await keysOf(store, ''), []);
    await store.close();
  });

  test('a closed store takes nothing', async () => {
    const store = await make();
    await store.close();
    await store.close();
    await assert.rejects(putObject(store, 'k', 'x'), hasCode('CLOSED'));
    await assert.rejects(store.get('k'), hasCode('CLOSED'));
    await assert.rejects(keysOf(store, ''), hasCode('CLOSED'));
  });

  for (const [what, open] of Object.entries(forbidden)) {
    test(`${what}: every call says that it is forbidden`, async () => {
      const store = await open();
      const refused = hasCode('OBJECT_STORE_FORBIDDEN');
      await assert.rejects(putObject(store, 'k', 'x'), refused);
      await assert.rejects(store.get('k'), refused);
      await assert.rejects(store.remove(['k']), refused);
      await assert.rejects(keysOf(store, ''), refused);
      await store.close();
    });
  }
}

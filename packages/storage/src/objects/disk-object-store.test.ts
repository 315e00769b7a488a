import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bytesContent, nodeFileSystem, systemRandom } from '@openwit/ports';
import {
  DrivenClock,
  FaultyFileSystem,
  hasCode,
  keysOf,
  MemoryFileSystem,
  objectsOf,
  putObject,
  SeededRandom,
  testObjectStore,
} from '@openwit/ports/testing';
import { DiskObjectStore } from './disk-object-store.ts';
import { fileContent } from './file-content.ts';

const folder = mkdtempSync(join(tmpdir(), 'openwit-objects-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let stores = 0;

const onDisk = (): DiskObjectStore =>
  new DiskObjectStore(
    { fileSystem: nodeFileSystem, random: systemRandom },
    { folder: join(folder, `store ${++stores}`), partBytes: 1000 },
  );

testObjectStore('DiskObjectStore', async () => onDisk(), { partBytes: 1000, leavesParts: true });

testObjectStore(
  'DiskObjectStore on a file system in memory',
  async () =>
    new DiskObjectStore(
      { fileSystem: new MemoryFileSystem(), random: new SeededRandom(1) },
      { folder: '/objects', partBytes: 1000 },
    ),
  { partBytes: 1000, leavesParts: true },
);

test('an object is a plain file of the same name', async () => {
  const store = onDisk();
  await putObject(store, 'a b/c.txt', 'hello');
  assert.equal(readFileSync(join(new URL(store.url).pathname.replaceAll('%20', ' '), 'a b/c.txt'), 'utf8'), 'hello');
});

test('a list tells when an object was written', async () => {
  const clock = new DrivenClock();
  const parts = { fileSystem: new MemoryFileSystem(clock), random: new SeededRandom(1) };
  const store = new DiskObjectStore(parts, { folder: '/objects' });
  await putObject(store, 'a', 'x');
  const firstMs = clock.now();
  clock.advance(5000);
  await putObject(store, 'b', 'x');
  const times = (await objectsOf(store, '')).map(({ lastModifiedMs }) => lastModifiedMs);
  assert.deepEqual(times, [firstMs, firstMs + 5000]);
});

test('a file is content', async () => {
  const store = onDisk();
  await putObject(store, 'k', 'from one store to the other');
  const path = join(folder, `store ${stores}`, 'k');
  const other = onDisk();
  await other.put('copy', await fileContent(nodeFileSystem, path));
  assert.equal(Buffer.from(await other.get('copy')).toString(), 'from one store to the other');
});

test('an object that is in the way of a folder, or a folder of an object, is a key that cannot be', async () => {
  const store = onDisk();
  await putObject(store, 'a/b', 'x');
  await assert.rejects(putObject(store, 'a', 'x'), hasCode('INVALID_OBJECT_KEY'));
  await assert.rejects(putObject(store, 'a/b/c', 'x'), hasCode('INVALID_OBJECT_KEY'));
  assert.deepEqual(await keysOf(store, ''), ['a/b']);
});

for (const ifAbsent of [false, true]) {
  test(`after a power cut at any moment a put is whole or not there, ifAbsent=${ifAbsent}`, async () => {
    for (let stopAt = 1; stopAt < 60; stopAt++) {
      const memory = new MemoryFileSystem();
      const random = new SeededRandom(stopAt);
      const open = (fileSystem = memory.process()) =>
        new DiskObjectStore({ fileSystem, random }, { folder: '/objects', partBytes: 700 });
      await putObject(open(), 'a/old', 'old');
      const stopped = memory.stopAt(memory.operations + stopAt);
      const content = bytesContent(Buffer.alloc(2000, 7));
      const isDone = await Promise.race([
        open()
          .put('a/new', content, { ifAbsent })
          .then(() => true),
        stopped.then(() => false),
      ]);
      memory.powerCut(random);
      const store = open();
      const found = await store.get('a/new').catch(() => undefined);
      if (isDone || found !== undefined) assert.equal(Buffer.compare(found!, Buffer.alloc(2000, 7)), 0);
      assert.equal(Buffer.from(await store.get('a/old')).toString(), 'old');
      await store.removeUnfinished(Infinity);
      assert.deepEqual(await memory.list('/objects/.unfinished'), []);
      if (isDone) return;
    }
    assert.fail('the put never ended');
  });
}

for (const code of ['ENOSPC', 'EIO', 'EMFILE']) {
  test(`a put that fails with ${code} says so, keeps the old object and leaves nothing`, async () => {
    for (let from = 1; from < 30; from++) {
      const memory = new MemoryFileSystem();
      const faulty = new FaultyFileSystem(memory);
      const store = new DiskObjectStore(
        { fileSystem: faulty, random: new SeededRandom(1) },
        { folder: '/objects', partBytes: 700 },
      );
      await putObject(store, 'a/k', 'old');
      const fault = faulty.fail(code, { from });
      const failed = await putObject(store, 'a/k', Buffer.alloc(2000, 7)).catch((error: unknown) => error);
      fault.clear();
      if (fault.seen < from) return;
      hasCode('OBJECT_STORE_UNAVAILABLE')(failed);
      const found = await store.get('a/k');
      assert.ok(found.length === 3 || found.length === 2000);
      assert.deepEqual(await keysOf(store, ''), ['a/k']);
    }
    assert.fail('every operation failed');
  });
}

import assert from 'node:assert/strict';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { isOpenWitError } from '@openwit/ports';
import { commitOf, DrivenClock } from '@openwit/ports/testing';
import { SqliteCatalog } from './sqlite-catalog.ts';

const dataPath = '/data/parquet';
const clock = new DrivenClock();

test('a back-up is the catalog at one moment, however many commits are made meanwhile', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'openwit-backup-'));
  const catalog = await SqliteCatalog.open({ clock }, { path: join(folder, 'catalog.sqlite'), dataPath });
  const table = await catalog.openTable('acme', 'logs');
  let batchId = 0;
  const commit = () => catalog.commit(commitOf({ dataPath }, table, ++batchId));
  for (let i = 0; i < 200; i++) await commit();

  let isOver = false;
  const commits = (async () => {
    for (; !isOver; await new Promise(setImmediate)) await commit();
  })();
  const copy = join(folder, 'copy.sqlite');
  for (let round = 0; round < 5; round++) {
    const before = batchId;
    await catalog.backup(copy);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith('copy')),
      ['copy.sqlite'],
    );
    const check = new DatabaseSync(copy, { readOnly: true });
    assert.equal(check.prepare('PRAGMA integrity_check').get()!.integrity_check, 'ok');
    check.close();
    const restored = await SqliteCatalog.open({ clock }, { path: copy, dataPath });
    assert.equal(restored.nodeId, catalog.nodeId);
    const files = await restored.files('acme', 'logs');
    assert.ok(files.length >= before && files.length <= batchId, 'of a moment during the back-up');
    assert.equal((await restored.committedRanges()).length, files.length);
    assert.equal(await restored.nextBatchId(), files.length + 1);
    await restored.close();
  }
  isOver = true;
  await commits;
  assert.ok(batchId > 210, 'commits went on');
  await catalog.close();
});

test('a back-up that fails leaves the one before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'openwit-backup-'));
  const catalog = await SqliteCatalog.open({ clock }, { path: join(folder, 'catalog.sqlite'), dataPath });
  await assert.rejects(
    catalog.backup(join(folder, 'nowhere', 'copy.sqlite')),
    (e) => isOpenWitError(e) && e.code === 'STORE_UNAVAILABLE',
  );
  await catalog.close();
  const inMemory = await SqliteCatalog.open({ clock }, { path: ':memory:', dataPath });
  await assert.rejects(inMemory.backup(join(folder, 'copy.sqlite')), (e) => isOpenWitError(e) && e.kind === 'invalid');
  assert.deepEqual(await readdir(folder), ['catalog.sqlite']);
  await inMemory.close();
});

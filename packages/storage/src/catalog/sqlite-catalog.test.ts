import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { isOpenWitError, systemClock } from '@openwit/ports';
import { DrivenClock, isFenced, SeededRandom, testCatalog } from '@openwit/ports/testing';
import { SqliteCatalog } from './sqlite-catalog.ts';

async function place() {
  const folder = await mkdtemp(join(tmpdir(), 'openwit-catalog-'));
  const settings = { path: join(folder, 'catalog.sqlite'), dataPath: join(folder, 'parquet') };
  const random = new SeededRandom(1);
  const clock = new DrivenClock();
  return { ...settings, clock, open: () => SqliteCatalog.open({ clock, random }, settings) };
}

testCatalog('SqliteCatalog', place);

test('the node id is made once', async () => {
  const { open } = await place();
  const first = await open();
  assert.match(first.nodeId, /^[0-9a-f]{8}$/);
  await first.close();
  const second = await open();
  assert.equal(second.nodeId, first.nodeId);
  await second.close();
});

test('a catalog of a newer version is refused with a clear error and left as it is', async () => {
  const { path, open } = await place();
  await (await open()).close();
  const database = new DatabaseSync(path);
  database.exec(`UPDATE openwit_meta SET value = '99' WHERE key = 'version'`);
  await assert.rejects(open(), (e) => isOpenWitError(e) && e.code === 'STORE_CORRUPTION' && e.details.version === 99);
  assert.equal(database.prepare(`SELECT value FROM openwit_meta WHERE key = 'version'`).get()!.value, '99');
  database.close();
});

test('a file that is no database is a corruption', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'openwit-catalog-'));
  const path = join(folder, 'catalog.sqlite');
  await (await import('node:fs/promises')).writeFile(
    path,
    'this is not a database, and long enough to be one'.repeat(100),
  );
  await assert.rejects(
    SqliteCatalog.open({ clock: systemClock }, { path, dataPath: folder }),
    (e) => isOpenWitError(e) && e.kind === 'data' && e.code === 'STORE_CORRUPTION',
  );
});

test('opening a catalog again changes nothing but who has the node', async () => {
  const { path, open } = await place();
  await (await open()).close();
  const reader = new DatabaseSync(path, { readOnly: true });
  const names = reader.prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'openwit_nodes'`).all();
  const content = () => names.map(({ name }) => reader.prepare(`SELECT * FROM ${name}`).all());
  const before = content();
  await (await open()).close();
  assert.deepEqual(content(), before);
  reader.close();
});

test('a catalog that was opened again tells the handle before who has the node now', async () => {
  const { clock, open } = await place();
  const first = await open();
  await first.openTable('acme', 'logs');
  clock.advance(5000);
  const second = await open();
  const details = { nodeId: first.nodeId, holder: `${hostname()}/${process.pid}`, sinceMs: clock.now() };
  await assert.rejects(first.checkOwner(), { kind: 'fenced', code: 'FENCED', details });
  await assert.rejects(first.dropTenant('acme'), isFenced);
  assert.equal((await first.tables()).length, 1, 'reading goes on');
  await second.checkOwner();
  await second.dropTenant('acme');
  await first.close();
  await second.close();
});

test('a catalog that was moved writes down where its files are now', async () => {
  const { path, open } = await place();
  await (await open()).close();
  const moved = await SqliteCatalog.open({ clock: systemClock }, { path, dataPath: '/elsewhere' });
  await moved.close();
  const reader = new DatabaseSync(path, { readOnly: true });
  const row = reader.prepare(`SELECT value FROM ducklake_metadata WHERE key = 'data_path'`).get();
  assert.equal(row!.value, `${resolve('/elsewhere')}/`);
  reader.close();
});

test('a reader in another process holds up no commit', async () => {
  const { path, dataPath, open } = await place();
  const catalog = await open();
  const reader = new DatabaseSync(path, { readOnly: true });
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM ducklake_snapshot').get();
  const { fieldIds } = await catalog.openTable('acme', 'logs');
  assert.ok(fieldIds.size > 0 && dataPath !== '');
  reader.close();
  await catalog.close();
});

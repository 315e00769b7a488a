import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { systemClock } from '@openwit/ports';
import {
  DrivenClock,
  fileOf,
  rewriteOf,
  SeededRandom,
  type SharedCatalogPlace,
  testCatalog,
  testSharedCatalog,
} from '@openwit/ports/testing';
import { PostgresCatalog } from '@openwit/storage/postgres';
import { startPostgres } from '../services/postgres.ts';

const server = await startPostgres();
const skip = 'missing' in server ? server.missing : false;
after(() => ('found' in server ? server.found.stop() : undefined));

const dataPath = '/data/parquet';

if (skip === false) {
  testCatalog('PostgresCatalog', place);
  testSharedCatalog('PostgresCatalog', place);
}

test('a node with another data path keeps its files whole, and all find them', { skip }, async () => {
  const connectionString = await database();
  const open = (nodeId: string, path: string) =>
    PostgresCatalog.open({ clock: systemClock }, { connectionString, dataPath: path, nodeId });
  const first = await open('a', dataPath);
  const second = await open('b', '/other/disk');
  const table = await first.openTable('acme', 'logs');
  const ofFirst = fileOf({ dataPath }, table, 'a');
  const ofSecond = fileOf({ dataPath: '/other/disk' }, table, 'b');
  await first.commit(rewriteOf(table, [], [ofFirst]));
  await second.commit(rewriteOf(table, [], [ofSecond]));
  for (const node of [first, second]) {
    const paths = (await node.files('acme', 'logs')).map(({ path }) => path);
    assert.deepEqual(paths, [ofFirst.path, ofSecond.path]);
    await node.close();
  }
});

test('a node without a name gets a new one', { skip }, async () => {
  const settings = { connectionString: await database(), dataPath };
  const open = () => PostgresCatalog.open({ clock: systemClock, random: new SeededRandom(7) }, settings);
  const first = await open();
  const second = await open();
  assert.match(first.nodeId, /^[0-9a-f]{8}$/);
  assert.notEqual(second.nodeId, first.nodeId);
  await first.openTable('acme', 'logs');
  await first.close();
  await second.close();
});

async function database(): Promise<string> {
  if ('missing' in server) throw new Error(server.missing);
  return server.found.createDatabase();
}

async function place(): Promise<SharedCatalogPlace> {
  const connectionString = await database();
  const clock = new DrivenClock();
  const random = new SeededRandom(1);
  const settings = { connectionString, dataPath, maxConnections: 2 };
  const openAs = (nodeId: string) => PostgresCatalog.open({ clock, random }, { ...settings, nodeId });
  return { dataPath, clock, open: () => openAs('node-1'), openAs };
}

import { after, test } from 'node:test';
import {
  DrivenClock,
  SeededRandom,
  type SharedCatalogPlace,
  testCatalog,
  testSharedCatalog,
} from '@openwit/ports/testing';
import { PostgresCatalog } from '@openwit/storage/postgres';
import { startPostgres } from '../services/postgres.ts';

const server = await startPostgres();

if ('missing' in server) {
  test('a catalog in Postgres', { skip: server.missing }, () => {});
} else {
  after(() => server.found.stop());
  testCatalog('PostgresCatalog', place);
  testSharedCatalog('PostgresCatalog', place);
}

async function place(): Promise<SharedCatalogPlace> {
  if ('missing' in server) throw new Error(server.missing);
  const connectionString = await server.found.createDatabase();
  const clock = new DrivenClock();
  const random = new SeededRandom(1);
  const settings = { connectionString, dataPath: '/data/parquet', maxConnections: 2 };
  const openAs = (nodeId: string) => PostgresCatalog.open({ clock, random }, { ...settings, nodeId });
  return { dataPath: settings.dataPath, clock, open: () => openAs('node-1'), openAs };
}

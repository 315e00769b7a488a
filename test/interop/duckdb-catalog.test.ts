import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { type CatalogCommit, type DataFile, type NewDataFile, nodeFileSystem } from '@openwit/ports';
import { batchOf, DrivenClock, fileOf, SeededRandom } from '@openwit/ports/testing';
import { LsmStore, type SqlCatalog, SqliteCatalog } from '@openwit/storage';
import { PostgresCatalog } from '@openwit/storage/postgres';
import { type DuckDbReader, duckDbReader } from '../services/duckdb-reader.ts';
import { startPostgres } from '../services/postgres.ts';

const reader = await duckDbReader();
const server = await startPostgres();
const folder = await mkdtemp(join(tmpdir(), 'openwit-lakehouse-'));
after(async () => {
  if ('found' in server) await server.found.stop();
  await rm(folder, { recursive: true, force: true });
});

const noReader = 'missing' in reader ? reader.missing : false;
const noServer = 'missing' in server ? server.missing : false;
const clock = new DrivenClock();
const random = new SeededRandom(3);

test('DuckDB reads each state of a catalog in SQLite', { skip: noReader, timeout: 120_000 }, async () => {
  const path = join(folder, 'catalog.sqlite');
  const dataPath = join(folder, 'sqlite');
  await readEachState(await SqliteCatalog.open({ clock, random }, { path, dataPath }), dataPath, path);
});

test('DuckDB reads each state of a catalog in Postgres', { skip: noReader || noServer, timeout: 120_000 }, async () => {
  if ('missing' in server) return;
  const connectionString = await server.found.createDatabase();
  const dataPath = join(folder, 'postgres');
  const catalog = await PostgresCatalog.open({ clock, random }, { connectionString, dataPath });
  await readEachState(catalog, dataPath, connectionString);
});

/** What an independent reader sees of flushes, a compaction, a deletion, a move, a dropped tenant and an expiry. */
async function readEachState(catalog: SqlCatalog, dataPath: string, address: string): Promise<void> {
  const read = (sql: string) => (reader as DuckDbReader).read(address, sql);
  const bodies = async (at = '') =>
    (await read(`select body from wit.acme.logs ${at} order by body`)).map(([body]) => body);
  const changes = async () =>
    (await read('select changes::varchar from wit.snapshots() order by snapshot_id')).map(([text]) => text);
  const count = async () => (await read('select count(*) from wit.acme.logs'))[0]![0];

  const { nodeId } = catalog;
  const store = await LsmStore.open({ catalog, fileSystem: nodeFileSystem, clock }, { dataPath, nodeId });
  for (const [batchId, body] of ['a', 'b', 'c'].entries()) await append(store, batchId + 1, [body, `${body}2`]);
  await store.close();
  assert.deepEqual(await bodies(), ['a', 'a2', 'b', 'b2', 'c', 'c2']);

  const table = await catalog.openTable('acme', 'logs');
  const rewrite = (replaces: readonly DataFile[], files: CatalogCommit['files']) =>
    catalog.commit({
      tenant: 'acme',
      table: 'logs',
      replaces: replaces.map(({ fileId }) => fileId),
      files,
      newColumns: [],
      ranges: [],
      sources: [],
    });
  const [a, b, c] = (await catalog.files('acme', 'logs')) as [DataFile, DataFile, DataFile];
  const copy = join(dirname(a.path), 'stable-1.parquet');
  const [stable] = await rewrite([a], [await copyOf(a, fileOf({ dataPath }, table, 'x', { path: copy }))]);
  assert.deepEqual(await bodies(), ['a', 'a2', 'b', 'b2', 'c', 'c2']);
  await rewrite([b], []);
  assert.deepEqual(await bodies(), ['a', 'a2', 'c', 'c2']);
  assert.equal(await count(), 4);
  const versions = await read('select max(snapshot_id) from wit.snapshots()');
  const before = Number(versions[0]![0]) - 1;
  assert.deepEqual(await bodies(`at (version => ${before})`), ['a', 'a2', 'b', 'b2', 'c', 'c2'], 'an older snapshot');

  assert.deepEqual((await changes()).slice(-2), ['{merge_adjacent=[2]}', '{tables_deleted_from=[2]}']);

  const elsewhere = join(folder, 'cold', `${nodeId}-c.parquet`);
  await mkdir(dirname(elsewhere), { recursive: true });
  await rename(c.path, elsewhere);
  await catalog.move({ fileId: c.fileId, from: c.path, to: elsewhere, tier: 'cold' });
  assert.deepEqual(await bodies(), ['a', 'a2', 'c', 'c2']);
  assert.deepEqual(
    await bodies(`at (version => ${before})`),
    ['a', 'a2', 'b', 'b2', 'c', 'c2'],
    'the moved file in it',
  );

  await catalog.commit(await other(catalog, dataPath, stable!));
  clock.advance(1000);
  await catalog.expireSnapshots(clock.now());
  for (const { path } of await catalog.garbage()) await rm(path, { force: true });
  assert.deepEqual(await bodies(), ['a', 'a2', 'c', 'c2']);

  await catalog.dropTenant('acme');
  await assert.rejects(bodies(), /does not exist/);
  assert.equal((await changes()).at(-1), '{schemas_dropped=[1], tables_dropped=[2]}');
  await catalog.openTable('Acme', 'logs');
  assert.equal(await count(), 0, 'the name in another case');
  clock.advance(1000);
  assert.ok((await catalog.expireSnapshots(clock.now())) > 0);
  assert.equal(await count(), 0);
  assert.equal((await changes()).length, 1);
  await catalog.close();
}

/** Another tenant's commit: what expires is not the newest snapshot of one table. */
async function other(catalog: SqlCatalog, dataPath: string, file: DataFile): Promise<CatalogCommit> {
  const table = await catalog.openTable('other', 'logs');
  const added = await copyOf(file, fileOf({ dataPath }, table, 'other'));
  const commit = { tenant: 'other', table: 'logs', files: [added], newColumns: [], ranges: [], sources: [] } as const;
  return { ...commit, replaces: [] };
}

/** A rewrite that changes nothing: the bytes of a file at another place. */
async function copyOf(file: DataFile, made: NewDataFile): Promise<NewDataFile> {
  await mkdir(dirname(made.path), { recursive: true });
  await copyFile(file.path, made.path);
  const footerBytes = (await readFile(made.path)).readUInt32LE(file.sizeBytes - 8);
  return { ...made, rows: file.rows, sizeBytes: file.sizeBytes, footerBytes };
}

async function append(store: LsmStore, batchId: number, texts: readonly string[]): Promise<void> {
  const rows = texts.map((body) => ({ timestamp: 1_800_000_000_000_000_000n + BigInt(batchId), body }));
  const range = { batchId, throughLsn: batchId };
  const batch = batchOf('logs', rows);
  await store.append({ tenant: 'acme', table: 'logs', batch, byteLength: 100, range, sources: [], release: () => {} });
}

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Ingestor, OpenWit } from '@openwit/core';
import { type Catalog, nodeFileSystem, systemClock } from '@openwit/ports';
import { isFenced } from '@openwit/ports/testing';
import { QueryEngine } from '@openwit/query';
import { LsmStore, SegmentedWal, SqliteCatalog } from '@openwit/storage';
import { PostgresCatalog } from '@openwit/storage/postgres';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { startPostgres } from '../services/postgres.ts';
import { logRequest, range, sendLogs } from '../support/log-request.ts';
import { until } from '../support/until.ts';

const server = await startPostgres();
const skip = 'missing' in server ? server.missing : false;
after(() => ('found' in server ? server.found.stop() : undefined));

/** Batches stay open for as long as a test takes. */
const BATCH_AGE_MS = 3_600_000;
/** No retry and no wait for a batch that cannot be written may be in it. */
const CLOSE_MS = 5000;

function folder(t: { after: (end: () => void) => void }): string {
  const path = mkdtempSync(join(tmpdir(), 'openwit-fencing-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function logsOf(numbers: readonly number[]) {
  return {
    tenant: 'default',
    signal: 'logs',
    payload: otlpJsonToProtobuf('logs', Buffer.from(logRequest(numbers))),
  } as const;
}

async function closesSoon(close: () => Promise<void>): Promise<void> {
  const begin = performance.now();
  await close();
  assert.ok(performance.now() - begin < CLOSE_MS);
}

test('a node whose catalog was opened by another says so to all, ends, and loses nothing', async (t) => {
  const dataDir = folder(t);
  const wit = await OpenWit.open({ dataDir, ingest: { batch: { maxAgeMs: BATCH_AGE_MS } } });
  const { http, api } = await wit.listen({ http: 0, api: 0 });
  const health = async () => (await fetch(`${api}/health`)).status;
  assert.equal(await sendLogs(http!, range(0, 50)), 200);
  await wit.flush();
  assert.equal(await sendLogs(http!, range(50, 50)), 200);
  assert.equal(await health(), 200);

  const paths = { path: join(dataDir, 'catalog.sqlite'), dataPath: join(dataDir, 'parquet') };
  const other = await SqliteCatalog.open({ clock: systemClock }, paths);
  await until(async () => (await health()) === 503, 'the node is fenced');
  assert.equal(await sendLogs(http!, [100]), 503);
  await assert.rejects(wit.ingest(logsOf([100])), (error) => isFenced(error) && /holder=.+\/\d+ /.test(String(error)));
  await assert.rejects(wit.query('select 1 from logs'), isFenced);
  await assert.rejects(wit.flush(), isFenced);
  await assert.rejects(wit.backup(join(dataDir, 'copy')), isFenced);
  await assert.rejects(wit.deleteTenant('default'), isFenced);
  await assert.rejects(wit.deleteRecords({ signal: 'logs', where: 'true' }), isFenced);
  await closesSoon(() => wit.close());
  assert.equal((await other.files('default', 'logs')).length, 1);
  await other.close();

  await using again = await OpenWit.open({ dataDir });
  const [row] = await again.sql`select count(*) as n, count(distinct attributes['n']) as different from logs`;
  assert.deepEqual(row, { n: 100n, different: 100n });
});

test('what a fenced node of a shared catalog has acknowledged is taken back by who has its log', {
  skip,
}, async (t) => {
  if ('missing' in server) return;
  const dataDir = folder(t);
  const connectionString = await server.found.createDatabase();
  const dataPath = join(dataDir, 'parquet');
  const open = () => PostgresCatalog.open({ clock: systemClock }, { connectionString, dataPath, nodeId: 'node-1' });
  const first = await openNode(await open(), dataDir, 'node-1');
  await first.ingestor.ingest(logsOf(range(0, 50)));
  await first.ingestor.flush();
  await first.ingestor.ingest(logsOf(range(50, 50)));

  const catalog = await open();
  await until(() => first.store.fenced !== undefined, 'the node is fenced');
  await assert.rejects(first.ingestor.ingest(logsOf([100])), isFenced);
  assert.throws(() => first.ingestor.snapshot('default', ['logs']), isFenced);
  await assert.rejects(first.ingestor.flush(), isFenced);
  await closesSoon(first.close);

  const second = await openNode(catalog, dataDir, 'node-1');
  const engine = new QueryEngine({ source: second.ingestor, clock: systemClock }, { dataDirs: [dataPath] });
  const sql = "select count(*) as n, count(distinct attributes['n']) as different from logs";
  const rows = await (await engine.query(sql)).rows();
  assert.deepEqual(rows, [{ n: 100n, different: 100n }]);
  await engine.close();
  await second.ingestor.flush();
  assert.equal(
    (await catalog.files('default', 'logs')).reduce((sum, file) => sum + file.rows, 0),
    100,
  );
  await second.close();
});

/** As `OpenWit` puts a node together, over a catalog that several may have. */
async function openNode(catalog: Catalog, dataDir: string, nodeId: string) {
  const parts = { fileSystem: nodeFileSystem, clock: systemClock };
  const wal = await SegmentedWal.open(parts, { folder: join(dataDir, 'wal') });
  for (const range of await catalog.committedRanges()) wal.release(range);
  const store = await LsmStore.open(
    { ...parts, catalog, onCommitted: (range) => wal.release(range) },
    { dataPath: join(dataDir, 'parquet'), nodeId },
  );
  const nextBatchId = Math.max(wal.nextBatchId, await catalog.nextBatchId());
  const ingestor = new Ingestor({ wal, store, nextBatchId }, { batch: { maxAgeMs: BATCH_AGE_MS } });
  await ingestor.recover();
  const close = async () => {
    await ingestor.close();
    await store.close();
    await wal.close();
    await catalog.close();
  };
  return { store, ingestor, close };
}

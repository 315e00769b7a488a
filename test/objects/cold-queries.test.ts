import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type DataFile, nodeFileSystem, type ObjectStore, systemClock, systemRandom } from '@openwit/ports';
import { hasCode, putObject, randomRows, SeededRandom } from '@openwit/ports/testing';
import { QueryEngine } from '@openwit/query';
import { ColdCache, metered, RequestCounts, retrying } from '@openwit/storage';
import { s3Store } from '@openwit/storage/s3';
import { rowsOf } from '../../packages/query/src/testing/rows-of.ts';
import { TestSource } from '../../packages/query/src/testing/test-source.ts';
import { StoredFiles } from '../../packages/storage/src/testing/stored-files.ts';
import { MINIO_CREDENTIALS, minio } from '../services/minio.ts';

const FILES = 20;
/** Files that differ; each is there several times. */
const DISTINCT = 4;
const ROWS = 15_000;
const MIB = 1024 * 1024;

const server = await minio();
const skip = 'missing' in server ? server.missing : false;
const endpoint = 'found' in server ? server.found.url : '';

describe('a query over files in MinIO', { skip }, () => {
  const stored = new StoredFiles('logs');
  const folder = mkdtempSync(join(tmpdir(), 'openwit-cold-'));
  const counts = new RequestCounts();
  const hot: DataFile[] = [];
  const cold: DataFile[] = [];
  let store: ObjectStore;
  let cache: ColdCache;
  let engine: QueryEngine;
  let local: QueryEngine;
  const source = new TestSource();

  before(async () => {
    const client = new S3Client({
      endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: MINIO_CREDENTIALS,
    });
    await client.send(new CreateBucketCommand({ Bucket: 'cold' }));
    client.destroy();
    const bucket = s3Store({ bucket: 'cold', prefix: 'data', endpoint, credentials: MINIO_CREDENTIALS });
    store = retrying(metered(bucket, counts.add), { clock: systemClock, random: systemRandom });
    const distinct = Array.from({ length: DISTINCT }, (_, i) =>
      stored.active(randomRows('logs', new SeededRandom(i), ROWS), 'none'),
    );
    for (let i = 0; i < FILES; i++) {
      const file = { ...distinct[i % DISTINCT]!, fileId: 100 + i };
      assert.ok(file.sizeBytes > 5 * MIB, `${file.sizeBytes} bytes`);
      hot.push(file);
      const key = `acme/logs/${file.fileId}.parquet`;
      await putObject(store, key, readFileSync(file.path));
      cold.push({ ...file, tier: 'cold', path: `${store.url}/${key}` });
    }
    const attributeColumns = stored.attributeColumns;
    local = new QueryEngine({ source: new TestSource({ logs: { files: hot, attributeColumns } }) });
    source.tenants.set('default', { logs: { files: cold, attributeColumns } });
    cache = await ColdCache.open({ stores: [store], fileSystem: nodeFileSystem }, { folder });
    const reads = cache.reads();
    source.localise = reads.localise;
    engine = new QueryEngine({ source }, { dataDirs: [folder] });
  });

  after(async () => {
    await engine.close();
    await local.close();
    await cache.close();
    await store.close();
    stored.remove();
    rmSync(folder, { recursive: true });
    if ('found' in server) await server.found.stop();
  });

  const totalBytes = () => cold.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

  test('of one narrow column fetches few bytes in few requests, and nothing the second time', async () => {
    const before = counts.of('get');
    const sql = 'select severity_number, count(*) from logs group by all order by all limit 100';
    assert.deepEqual(await rowsOf(engine, sql), await rowsOf(local, sql));
    const first = counts.of('get');
    const bytes = first.receivedBytes - before.receivedBytes;
    const requests = first.requests - before.requests;
    assert.ok(bytes < totalBytes() / 10, `${bytes} of ${totalBytes()} bytes`);
    // The end of each file, and the column in each of its two row groups.
    assert.ok(requests <= 3 * FILES, `${requests} requests`);
    await rowsOf(engine, sql);
    assert.deepEqual(counts.of('get'), first);
    assert.deepEqual(cache.stats().hits, FILES);
    for (const operation of ['list', 'head'] as const) assert.equal(counts.of(operation).requests, 0, operation);
  });

  test('answers as over local files', async () => {
    const queries = [
      'select count(*) from logs',
      "select attributes['common.int']::bigint as n, count(*) from logs where n < 50 group by all order by all",
      "select service_name, max(timestamp) from logs where severity_text <> '' group by all order by all",
      'select attribute_types, attributes, body from logs where severity_number = 7 order by all limit 50',
    ];
    for (const sql of queries) assert.deepEqual(await rowsOf(engine, sql), await rowsOf(local, sql), sql);
    assert.ok(cache.stats().heldBytes <= totalBytes());
  });

  test('of an object that is gone says so', async () => {
    const path = `${store.url}/acme/logs/gone.parquet`;
    const gone = { ...cold[0]!, fileId: 999, path };
    source.tenants.set('other', { logs: { files: [gone] } });
    await assert.rejects(engine.query('select body from logs', { tenant: 'other' }), hasCode('OBJECT_NOT_FOUND'));
  });
});

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { OpenWit, type OpenWitOptions } from '@openwit/core';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { MINIO_CREDENTIALS, minio } from '../services/minio.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { logRequest, range } from '../support/log-request.ts';

const PATIENCE_MS = 30_000;
const BATCHES = 12;
const ROWS = 60;

const server = await minio();
const skip = 'missing' in server ? server.missing : false;
const endpoint = 'found' in server ? server.found.url : '';

after(async () => {
  if ('found' in server) await server.found.stop();
});

const EAGER: Omit<OpenWitOptions, 'dataDir'> = {
  ingest: { batch: { maxRows: ROWS } },
  storage: { compaction: { minFiles: 2, quietMs: 50 }, snapshotRetentionMs: 100 },
};
const QUERIES = [
  "select count(*) as n, sum(attributes['n']::int) as total, min(body) as low, max(body) as high from logs",
  "select body from logs where attributes['n']::int between 100 and 110 order by 1",
  'select * from logs order by timestamp limit 5',
  "select service_name, count(*) as n from logs where timestamp >= '2026-01-01' group by 1",
];

test('files that went to a folder and to the archive after it answer as before', async (t) => {
  const dataDir = folder(t);
  const hot = await OpenWit.open({ dataDir, ...EAGER });
  await fill(hot);
  const before = await answers(hot);
  await hot.close();

  const tiers = {
    cold: { type: 'folder', folder: join(dataDir, 'cold') },
    archive: { type: 'folder', folder: join(dataDir, 'archive') },
  } as const;
  const cold = await OpenWit.open({ dataDir, ...EAGER, tiers: { ...tiers, policies: [{ coldAfterMs: 1 }] } });
  await until(() => parquetIn(join(dataDir, 'parquet')) === 0);
  assert.ok(parquetIn(tiers.cold.folder) > 0);
  assert.deepEqual(await answers(cold), before);
  await cold.close();

  const archived = await OpenWit.open({ dataDir, ...EAGER, tiers: { ...tiers, policies: [{ archiveAfterMs: 1 }] } });
  await until(() => parquetIn(tiers.cold.folder) === 0);
  assert.deepEqual(await answers(archived), before);
  await archived.close();
});

test('a bucket that is gone for a while costs nothing: the node fills up, refuses, and drains', { skip }, async (t) => {
  const proxy = await FaultProxy.start(endpoint);
  t.after(() => proxy.stop());
  const dataDir = folder(t);
  await makeBucket('outage');
  const cold = { type: 's3', bucket: 'outage', endpoint: proxy.url, credentials: MINIO_CREDENTIALS } as const;
  const tiers = { cold, hotBytes: 50_000 };
  await using wit = await OpenWit.open({ dataDir, ...EAGER, tiers });
  proxy.set({ kind: 'answer', status: 503 }, { times: Infinity });
  let taken = 0;
  let refused = false;
  for (let i = 0; i < 500 && !refused; i++) {
    try {
      await wit.ingest({ tenant: 'default', signal: 'logs', payload: payloadOf(range(i * ROWS, ROWS)) });
      taken += ROWS;
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'OVERLOADED');
      refused = true;
    }
  }
  assert.ok(refused, `${taken} records were taken`);
  assert.equal(await countOf(wit), taken);
  proxy.clear();
  await until(async () => {
    try {
      await wit.ingest({ tenant: 'default', signal: 'logs', payload: payloadOf(range(taken, ROWS)) });
      return true;
    } catch {
      return false;
    }
  });
  assert.equal(await countOf(wit), taken + ROWS);
});

async function fill(wit: OpenWit): Promise<void> {
  for (let i = 0; i < BATCHES; i++) {
    await wit.ingest({ tenant: 'default', signal: 'logs', payload: payloadOf(range(i * ROWS, ROWS)) });
  }
  await wit.flush();
}

function payloadOf(numbers: readonly number[]): Uint8Array {
  return otlpJsonToProtobuf('logs', Buffer.from(logRequest(numbers)));
}

async function answers(wit: OpenWit): Promise<unknown[]> {
  return Promise.all(QUERIES.map(async (sql) => (await wit.query(sql)).rows()));
}

async function countOf(wit: OpenWit): Promise<number> {
  const rows = await (await wit.query('select count(*) as n from logs')).rows();
  return Number(rows[0]!.n);
}

async function makeBucket(name: string): Promise<void> {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: MINIO_CREDENTIALS });
  await client.send(new CreateBucketCommand({ Bucket: name }));
  client.destroy();
}

function parquetIn(path: string): number {
  if (!existsSync(path)) return 0;
  return (readdirSync(path, { recursive: true }) as string[]).filter((name) => name.endsWith('.parquet')).length;
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error('it did not come to be');
    await delay(50);
  }
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'openwit-tiers-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

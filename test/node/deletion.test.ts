import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { OpenWit } from '@openwit/core';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { filesIn, placesOf } from '../support/folder-search.ts';
import { range } from '../support/log-request.ts';

/** Batches of a moment and eager merges, so that a tenant has files of every kind; active ones as plain bytes. */
const OPTIONS = {
  ingest: { batch: { maxRows: 40 } },
  storage: { compression: 'none', compaction: { minFiles: 2, quietMs: 50 } },
} as const;

test('nothing of a deleted tenant is left in anything that the node keeps, and the others are as before', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'openwit-deletion-'));
  try {
    const wit = await OpenWit.open({ dataDir, ...OPTIONS });
    const write = async (tenant: string, marker: string) => {
      for (let i = 0; i < 12; i++) {
        await wit.ingest({ tenant, signal: 'logs', payload: logsOf(marker, range(20 * i, 20)) });
      }
    };
    await write('kept', 'marker-of-kept');
    await write('gone', 'marker-of-gone');
    assert.ok(placesOf(dataDir, 'marker-of-gone').length > 0, 'the search finds what is there');
    await wit.deleteTenant('gone');
    assert.deepEqual(placesOf(dataDir, 'marker-of-gone'), []);
    assert.deepEqual(
      filesIn(dataDir).filter((path) => path.includes('/gone/')),
      [],
    );
    const count = async (tenant: string) =>
      (await (await wit.query('select count(*) as n from logs', { tenant })).rows())[0]!.n;
    assert.equal(Number(await count('gone')), 0);
    assert.equal(Number(await count('kept')), 240);

    await write('gone', 'marker-of-gone');
    assert.equal(Number(await count('gone')), 240, 'the tenant can come back');
    await wit.close();
    const again = await OpenWit.open({ dataDir, ...OPTIONS });
    const rows = await (await again.query('select count(*) as n from logs', { tenant: 'gone' })).rows();
    assert.equal(Number(rows[0]!.n), 240);
    await again.close();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('nothing of a deleted person is left, in files of any tier and in what was read of them', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'openwit-deletion-'));
  const tiers = { cold: { type: 'folder', folder: join(dataDir, 'cold') } } as const;
  try {
    // Merged files go to the cold tier, and queries read parts of them into the cache.
    let wit = await OpenWit.open({ dataDir, ...OPTIONS, tiers: { ...tiers, policies: [{ coldAfterMs: 1 }] } });
    const write = (marker: string, from: number) =>
      wit.ingest({ tenant: 'default', signal: 'logs', payload: logsOf(marker, range(from, 20)) });
    for (let i = 0; i < 6; i++) await write(i % 2 === 0 ? 'marker-of-kept' : 'marker-of-gone', 20 * i);
    await wit.flush();
    await until(() => filesIn(tiers.cold.folder).length > 0);
    await wit.close();
    wit = await OpenWit.open({ dataDir, ...OPTIONS, tiers });
    for (let i = 6; i < 12; i++) await write(i % 2 === 0 ? 'marker-of-kept' : 'marker-of-gone', 20 * i);
    await (await wit.query('select * from logs')).rows();
    assert.ok(placesOf(dataDir, 'marker-of-gone').length > 0, 'the search finds what is there');

    const where = "attributes['user.id'] = $1 and timestamp > '2026-01-01'";
    const asked = { signal: 'logs', where, params: ['marker-of-gone'] } as const;
    await assert.rejects(wit.deleteRecords({ signal: 'logs', where: 'body in (select body from logs)' }), {
      code: 'QUERY_INVALID',
    });
    assert.equal(await wit.deleteRecords(asked), 120);
    assert.equal(await wit.deleteRecords(asked), 0);
    assert.deepEqual(placesOf(dataDir, 'marker-of-gone'), []);
    const rows = await (
      await wit.query("select attributes['user.id'] as who, count(*) as n from logs group by 1")
    ).rows();
    assert.deepEqual(
      rows.map(({ who, n }) => [who, Number(n)]),
      [['marker-of-kept', 120]],
    );
    await wit.close();
    const again = await OpenWit.open({ dataDir, ...OPTIONS, tiers });
    assert.equal(Number((await (await again.query('select count(*) as n from logs')).rows())[0]!.n), 120);
    await again.close();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('nothing of a deleted tenant is left in what was set aside for repair', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'openwit-deletion-'));
  const dataDir = join(folder, 'killed');
  try {
    const alive = await OpenWit.open({ dataDir: join(folder, 'alive') });
    for (const user of ['marker-of-gone', 'marker-of-kept']) {
      const [, , tenant] = user.split('-') as [string, string, string];
      for (let i = 0; i < 3; i++) await alive.ingest({ tenant, signal: 'logs', payload: logsOf(user, range(i, 1)) });
    }
    cpSync(join(folder, 'alive'), dataDir, { recursive: true });
    await alive.close();
    const [log] = filesIn(join(dataDir, 'wal')) as [string];
    const bytes = readFileSync(log);
    bytes.write('noise', bytes.indexOf('marker-of-gone wrote 1'));
    writeFileSync(log, bytes);
    const wit = await OpenWit.open({ dataDir });
    assert.equal(placesOf(join(dataDir, 'wal', 'damaged'), 'marker-of-gone').length, 1);
    await wit.deleteTenant('gone');
    assert.deepEqual(placesOf(dataDir, 'marker-of-gone'), []);
    const rows = await (await wit.query('select count(*) as n from logs', { tenant: 'kept' })).rows();
    assert.equal(Number(rows[0]!.n), 3);
    await wit.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('records of a table that is far larger than the cache are deleted', async () => {
  const HOURS = 12;
  const dataDir = mkdtempSync(join(tmpdir(), 'openwit-deletion-'));
  const cold = { type: 'folder', folder: join(dataDir, 'cold') } as const;
  const tiers = { cold, cache: { maxBytes: 300_000 }, policies: [{ coldAfterMs: 1 }] };
  try {
    const wit = await OpenWit.open({ dataDir, ...OPTIONS, tiers });
    for (let hour = 0; hour < HOURS; hour++) {
      for (const user of ['marker-of-kept', 'marker-of-gone']) {
        const payload = logsOf(user, range(0, 40), { hour, noiseBytes: 1500 });
        await wit.ingest({ tenant: 'default', signal: 'logs', payload });
      }
    }
    await wit.flush();
    const isData = (path: string) => path.endsWith('.parquet');
    await until(() => filesIn(cold.folder).filter(isData).length === HOURS && wit.usage()[0]!.bytesByTier.hot === 0);
    const where = 'body like $1';
    assert.equal(await wit.deleteRecords({ signal: 'logs', where, params: ['nobody%'] }), 0);
    assert.equal(await wit.deleteRecords({ signal: 'logs', where, params: ['marker-of-gone%'] }), HOURS * 40);
    assert.deepEqual(placesOf(dataDir, 'marker-of-gone'), []);
    await wit.close();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('a deletion takes its time beside busy queries, unless it is given a limit', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'openwit-deletion-'));
  const query = { timeoutMs: 3_600_000, maxConcurrentQueries: 1, maxWaitingQueries: 1 };
  try {
    const wit = await OpenWit.open({ dataDir, ...OPTIONS, query });
    await wit.ingest({ tenant: 'default', signal: 'logs', payload: logsOf('marker-of-gone', range(0, 20)) });
    const running = await wit.query('select a.body from logs a, range(100000) b');
    const waiting = wit.query('select 1');
    const asked = { signal: 'logs', where: 'true' } as const;
    await assert.rejects(wit.deleteRecords({ ...asked, timeoutMs: 300 }), { code: 'QUERY_TIMEOUT' });
    const cancelling = new AbortController();
    const cancelled = wit.deleteRecords({ ...asked, abortSignal: cancelling.signal });
    cancelling.abort();
    await assert.rejects(cancelled, { code: 'QUERY_CANCELLED' });
    await assert.rejects(wit.deleteRecords({ ...asked, abortSignal: cancelling.signal }), { code: 'QUERY_CANCELLED' });
    const deleted = wit.deleteRecords(asked);
    await delay(300);
    await running.cancel();
    await (await waiting).rows();
    assert.equal(await deleted, 20);
    await wit.close();
    const hasty = await OpenWit.open({ dataDir, ...OPTIONS, query: { timeoutMs: 1 } });
    await hasty.ingest({ tenant: 'default', signal: 'logs', payload: logsOf('marker-of-gone', range(0, 20)) });
    assert.equal(await hasty.deleteRecords(asked), 20);
    await hasty.close();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('a tenant that never was is deleted without an error', async () => {
  await using wit = await OpenWit.open({ dataDir: ':memory:' });
  await wit.ingest({ tenant: 'kept', signal: 'logs', payload: logsOf('x', [1, 2, 3]) });
  await wit.deleteTenant('nobody');
  await wit.deleteTenant('kept');
  const rows = await (await wit.query('select count(*) as n from logs', { tenant: 'kept' })).rows();
  assert.equal(Number(rows[0]!.n), 0);
});

/** Logs of somebody, as protobuf. */
function logsOf(user: string, numbers: readonly number[], { hour = 0, noiseBytes = 0 } = {}): Uint8Array {
  const logRecords = numbers.map((n) => ({
    timeUnixNano: String(1_790_000_000_000_000_000n + BigInt(hour) * 3_600_000_000_000n + BigInt(n)),
    body: { stringValue: `${user} wrote ${n} ${randomBytes(noiseBytes).toString('base64')}` },
    attributes: [{ key: 'user.id', value: { stringValue: user } }],
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: `of ${user}` } }] };
  const request = JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
  return otlpJsonToProtobuf('logs', Buffer.from(request));
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !isTrue(); i++) await delay(50);
  assert.ok(isTrue());
}

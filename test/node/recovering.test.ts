import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OpenWit } from '@openwit/core';
import { nodeFileSystem } from '@openwit/ports';
import { FaultyFileSystem } from '@openwit/ports/testing';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { placesOf } from '../support/folder-search.ts';
import { range } from '../support/log-request.ts';

const REQUESTS = 20;
const ROWS = 50;

const folder = mkdtempSync(join(tmpdir(), 'openwit-recovering-'));
const killed = join(folder, 'killed');

/** A data folder as a kill leaves it: all records are in the log alone. */
before(async () => {
  const dataDir = join(folder, 'alive');
  const wit = await OpenWit.open({ dataDir, ingest: { batch: { maxAgeMs: 3_600_000, maxRows: 1_000_000 } } });
  for (let i = 0; i < REQUESTS; i++) {
    for (const [tenant, user] of [
      ['default', 'marker-of-kept'],
      ['default', 'marker-of-person'],
      ['gone', 'marker-of-tenant'],
    ] as const) {
      await wit.ingest({ tenant, signal: 'logs', payload: logsOf(user, range(ROWS * i, ROWS)) });
    }
  }
  cpSync(dataDir, killed, { recursive: true });
  await wit.close();
});

after(() => rmSync(folder, { recursive: true, force: true }));

test('what is deleted while the log is still read does not come back from it', async () => {
  await inRecovery('deletion', async (wit, goOn) => {
    const where = "attributes['user.id'] = $1";
    const deletions = [
      wit.deleteRecords({ signal: 'logs', where, params: ['marker-of-person'] }),
      wit.deleteTenant('gone'),
    ];
    goOn();
    assert.deepEqual(await Promise.all(deletions), [REQUESTS * ROWS, undefined]);
    for (const marker of ['marker-of-person', 'marker-of-tenant']) {
      assert.deepEqual(placesOf(join(folder, 'deletion'), marker), []);
    }
    assert.equal(await countOf(wit), REQUESTS * ROWS);
  });
});

test('a back-up that is made while the log is still read has what that has', async () => {
  const path = join(folder, 'copy');
  await inRecovery('backup', async (wit, goOn) => {
    const made = wit.backup(path);
    goOn();
    await made;
  });
  const restored = await OpenWit.open({ dataDir: path });
  assert.equal(await countOf(restored), 2 * REQUESTS * ROWS);
  await restored.close();
});

test('a flush ends when the node is closed in recovery', async () => {
  await inRecovery('flush', async (wit) => {
    const flushed = assert.rejects(wit.flush(), { code: 'CLOSED' });
    await wit.close();
    await flushed;
  });
});

/** Of a node whose disk takes no files, so that the log, which memory does not hold, is not read to its end before `goOn`. */
async function inRecovery(name: string, use: (wit: OpenWit, goOn: () => void) => Promise<void>): Promise<void> {
  const dataDir = join(folder, name);
  cpSync(killed, dataDir, { recursive: true });
  const fileSystem = new FaultyFileSystem(nodeFileSystem);
  const full = fileSystem.fail('ENOSPC', { operation: 'write', path: /parquet/, times: Number.POSITIVE_INFINITY });
  const limits = { maxMemoryBytes: 256 * 1024, maxRecoveryWaitMs: 50 };
  const wit = await OpenWit.open({ dataDir, fileSystem, ingest: { limits }, storage: { compression: 'none' } });
  try {
    await assert.rejects(wit.query('select * from logs'), { code: 'RECOVERING' });
    await use(wit, () => full.clear());
  } finally {
    await wit.close();
  }
}

async function countOf(wit: OpenWit): Promise<number> {
  return Number((await (await wit.query('select count(*) as n from logs')).rows())[0]!.n);
}

/** Logs of somebody, as protobuf. */
function logsOf(user: string, numbers: readonly number[]): Uint8Array {
  const logRecords = numbers.map((n) => ({
    timeUnixNano: String(1_790_000_000_000_000_000n + BigInt(n)),
    body: { stringValue: `${user} wrote ${n} ${'x'.repeat(500)}` },
    attributes: [{ key: 'user.id', value: { stringValue: user } }],
  }));
  return otlpJsonToProtobuf('logs', Buffer.from(JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] })));
}

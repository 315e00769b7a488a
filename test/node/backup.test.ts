import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { OpenWit } from '@openwit/core';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { logRequest, range } from '../support/log-request.ts';

/** Files come, are merged and go all the time. */
const OPTIONS = {
  ingest: { batch: { maxRows: 40 } },
  storage: { compaction: { minFiles: 2, quietMs: 50 }, snapshotRetentionMs: 1 },
} as const;
const ROWS = 20;
const PAUSE_MS = 5;

test('a back-up of a node that takes records has what was acknowledged before, each once, and opens as a node', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'openwit-backup-'));
  try {
    const wit = await OpenWit.open({ dataDir: join(folder, 'data'), ...OPTIONS });
    let sent = 0;
    const deadline = Date.now() + 60_000;
    let isOver = false;
    const writer = (async () => {
      while (!isOver && Date.now() < deadline) {
        const numbers = range(sent, ROWS);
        await wit.ingest({ tenant: 'default', signal: 'logs', payload: payloadOf(numbers) });
        sent += ROWS;
        await delay(PAUSE_MS);
      }
    })();
    const backups: { readonly path: string; readonly least: number }[] = [];
    for (let i = 0; i < 3; i++) {
      while (sent < 400 * (i + 1) && Date.now() < deadline) await delay(PAUSE_MS);
      const path = join(folder, `backup-${i}`);
      const least = sent;
      await wit.backup(path);
      backups.push({ path, least });
    }
    isOver = true;
    await writer;
    await assert.rejects(wit.backup(backups[0]!.path), { code: 'INVALID_CONFIG' }, 'the folder is taken');
    await wit.close();
    rmSync(join(folder, 'data'), { recursive: true });
    for (const { path, least } of backups) {
      const restored = await OpenWit.open({ dataDir: path, ...OPTIONS });
      const sql =
        "select count(*) as n, count(distinct attributes['n']) as different, max(attributes['n']::int) as top from logs";
      const [row] = await (await restored.query(sql)).rows();
      assert.ok(Number(row!.n) >= least, `${row!.n} of ${least}`);
      assert.deepEqual(
        [row!.different, Number(row!.top) + 1].map(Number),
        [Number(row!.n), Number(row!.n)],
        'each once, without a gap',
      );
      await restored.ingest({ tenant: 'default', signal: 'logs', payload: payloadOf([1_000_000]) });
      const [more] = await (await restored.query('select count(*) as n from logs')).rows();
      assert.equal(Number(more!.n), Number(row!.n) + 1);
      await restored.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a node in memory is not backed up', async () => {
  await using wit = await OpenWit.open({ dataDir: ':memory:' });
  await assert.rejects(wit.backup('/nowhere'), { code: 'INVALID_CONFIG' });
});

function payloadOf(numbers: readonly number[]): Uint8Array {
  return otlpJsonToProtobuf('logs', Buffer.from(logRequest(numbers)));
}

import assert from 'node:assert/strict';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OpenWit } from '@openwit/core';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { logRequest, range } from '../support/log-request.ts';

const REQUESTS = 500;
const RECORDS_PER_REQUEST = 200;
const MAX_ROWS = 5_000;
const WRITERS = 3;
const READERS = 2;

test('every query sees every record that was acknowledged before it began, while writers go on', async () => {
  const { queries } = await load(READERS);
  assert.ok(queries >= 20, `queries=${queries}`);
});

test('queries seal nothing: there are as many files with them as without', async () => {
  const asked = await load(READERS);
  const quiet = await load(0);
  assert.equal(asked.files, quiet.files);
  assert.equal(quiet.files, (REQUESTS * RECORDS_PER_REQUEST) / MAX_ROWS);
});

/** Writers send a fixed number of records while readers ask; batches are full before they are old. */
async function load(readers: number): Promise<{ files: number; queries: number }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'openwit-ryw-'));
  const batch = { maxRows: MAX_ROWS, maxAgeMs: 3_600_000 };
  // Nothing is merged: each file is a seal.
  const storage = { compaction: { minFiles: 1000, quietMs: 3_600_000 } };
  const wit = await OpenWit.open({ dataDir, ingest: { batch }, storage });
  let sent = 0;
  let acknowledged = 0;
  let queries = 0;
  const write = async () => {
    while (sent < REQUESTS * RECORDS_PER_REQUEST) {
      const numbers = range(sent, RECORDS_PER_REQUEST);
      sent += RECORDS_PER_REQUEST;
      const payload = otlpJsonToProtobuf('logs', Buffer.from(logRequest(numbers)));
      await wit.ingest({ tenant: 'default', signal: 'logs', payload });
      acknowledged += RECORDS_PER_REQUEST;
    }
  };
  const writing = Promise.all(Array.from({ length: WRITERS }, write));
  let isWriting = true;
  void writing.finally(() => {
    isWriting = false;
  });
  const read = async () => {
    while (isWriting) {
      const before = acknowledged;
      const [row] = await wit.sql`select count(*) as n, count(distinct attributes['n']) as different from logs`;
      assert.ok(Number(row!.n) >= before, `misses acknowledged records: ${row!.n} < ${before}`);
      assert.equal(row!.n, row!.different);
      queries++;
    }
  };
  try {
    await Promise.all([writing, ...Array.from({ length: readers }, read)]);
    await wit.flush();
    return { files: globSync('parquet/**/*.parquet', { cwd: dataDir }).length, queries };
  } finally {
    await wit.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

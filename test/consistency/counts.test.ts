import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { range, sendLogs } from '../support/log-request.ts';
import { ask, type NodeProcess, startNode } from '../support/node-process.ts';

const QUERIES = Number(process.env.OPENWIT_COUNT_QUERIES ?? 20_000);
const QUERIES_PER_LIFE = 2_000;
const READERS = 4;
const RECORDS_PER_REQUEST = 25;

/** Batches of a moment, so that most queries meet a seal, a file commit, or the move between them. */
const CONFIG = { ingest: { batch: { maxRows: 1_000, maxAgeMs: 150 } }, wal: { segmentBytes: 256 * 1024 } };

interface Progress {
  sent: number;
  acknowledged: number;
}

test(`in ${QUERIES} queries through seals, flushes and recoveries no count falls, doubles, or misses what was acknowledged`, {
  timeout: 900_000,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'openwit-counts-'));
  const progress: Progress = { sent: 0, acknowledged: 0 };
  let asked = 0;
  try {
    while (asked < QUERIES) {
      const node = await startNode(dataDir, CONFIG);
      const life = new AbortController();
      const writer = write(node, progress, life.signal);
      const limit = Math.min(QUERIES, asked + QUERIES_PER_LIFE);
      const readers = Array.from({ length: READERS }, async () => {
        let highest = 0;
        while (asked++ < limit) highest = await readOnce(node, progress, highest);
      });
      await Promise.all(readers).finally(() => life.abort());
      asked = limit;
      await node.kill();
      await writer;
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

/** Counts once, between what was acknowledged before the query and what was sent when it ended. */
async function readOnce(node: NodeProcess, progress: Progress, highest: number): Promise<number> {
  const { acknowledged } = progress;
  const { rows } = await ask(node.api, "select count(*), count(distinct attributes['n']) from logs");
  const [count, distinct] = rows[0]!.map(Number) as [number, number];
  assert.equal(count, distinct, 'a record is seen twice');
  assert.ok(count >= acknowledged, `misses acknowledged records: ${count} < ${acknowledged}`);
  assert.ok(count >= highest, `count fell: ${count} < ${highest}`);
  assert.ok(count <= progress.sent, `more than was sent: ${count} > ${progress.sent}`);
  return count;
}

/** One request after the other, with a pause so that the table stays of a size that queries count quickly. */
async function write(node: NodeProcess, progress: Progress, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const from = progress.sent;
    progress.sent += RECORDS_PER_REQUEST;
    const status = await sendLogs(node.http, range(from, RECORDS_PER_REQUEST));
    if (status === 200) progress.acknowledged += RECORDS_PER_REQUEST;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { range, sendLogs } from '../support/log-request.ts';
import { ask, type NodeProcess, startNode } from '../support/node-process.ts';

const QUERIES = Number(process.env.OPENWIT_COUNT_QUERIES ?? 20_000);
const QUERIES_PER_LIFE = 500;
/** A folder sees two lives, with a kill and a recovery between them; then files would be too many to count quickly. */
const LIVES_PER_FOLDER = 2;
const READERS = 4;
const RECORDS_PER_REQUEST = 25;
const DISTINCT_EVERY = 10;

/** Batches of a moment, so that most queries meet a seal, a file commit, or the move between them. */
const CONFIG = { ingest: { batch: { maxRows: 1_000, maxAgeMs: 300 } }, wal: { segmentBytes: 256 * 1024 } };

interface Progress {
  sent: number;
  acknowledged: number;
}

test(`in ${QUERIES} queries through seals, flushes and recoveries no count falls, doubles, or misses what was acknowledged`, {
  timeout: 900_000,
}, async () => {
  for (let asked = 0; asked < QUERIES; ) {
    const dataDir = await mkdtemp(join(tmpdir(), 'openwit-counts-'));
    const progress: Progress = { sent: 0, acknowledged: 0 };
    try {
      for (let life = 0; life < LIVES_PER_FOLDER && asked < QUERIES; life++, asked += QUERIES_PER_LIFE) {
        await live(dataDir, progress, Math.min(QUERIES_PER_LIFE, QUERIES - asked));
      }
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  }
});

/** One process from its start to its kill, with a writer and readers all the while. */
async function live(dataDir: string, progress: Progress, queries: number): Promise<void> {
  const node = await startNode(dataDir, CONFIG);
  const ended = new AbortController();
  const writer = write(node, progress, ended.signal);
  let asked = 0;
  const readers = Array.from({ length: READERS }, async () => {
    let highest = 0;
    while (asked < queries) highest = await readOnce(node, progress, highest, asked++ % DISTINCT_EVERY === 0);
  });
  try {
    await Promise.all(readers);
  } finally {
    ended.abort();
    await node.kill();
    await writer;
  }
}

/** Counts once, between what was acknowledged before the query and what was sent when it ended. */
async function readOnce(node: NodeProcess, progress: Progress, highest: number, distinct: boolean): Promise<number> {
  const { acknowledged } = progress;
  const { rows } = await ask(node.api, `select count(*), count(${distinct ? 'distinct body' : '*'}) from logs`);
  const [count, different] = rows[0]!.map(Number) as [number, number];
  assert.equal(count, different, 'a record is seen twice');
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

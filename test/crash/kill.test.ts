import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '@openwit/ports/testing';
import { filesIn } from '../support/folder-search.ts';
import { assertNothingIsLeftOver } from '../support/leftovers.ts';
import { range, sendLogs } from '../support/log-request.ts';
import { ask, type NodeProcess, startNode } from '../support/node-process.ts';

const ROUNDS = Number(process.env.OPENWIT_CRASH_ROUNDS ?? 50);
const SEED = Number(process.env.OPENWIT_SEED ?? Date.now() % 1_000_000);
const CONNECTIONS = 4;
const MAX_RECORDS_PER_REQUEST = 40;
const MAX_LIFE_MS = 700;
/** How long an aimed kill waits for its moment. */
const AIM_MS = 3000;
const REST_MS = 3000;
const LOOK_UPS = 10;

/**
 * Small batches and segments, eager merges, and a cold tier that every merged file goes to: kills meet seals, commits of
 * files, merges, indexes, uploads, moves, removals and reclaims as often as appends.
 */
const configOf = (dataDir: string) => ({
  ingest: { batch: { maxRows: 400, maxAgeMs: 120 } },
  wal: { segmentBytes: 64 * 1024 },
  storage: {
    compaction: { minFiles: 2, quietMs: 100 },
    snapshotRetentionMs: 300,
    bucketSweep: { everyMs: 500, minAgeMs: 100 },
  },
  indexing: { delayMs: 1 },
  tiers: { cold: { type: 'folder', folder: join(dataDir, 'cold') }, policies: [{ coldAfterMs: 1 }] },
});

test(`an acknowledged record survives ${ROUNDS} times kill -9, exactly once`, {
  timeout: 60_000 + ROUNDS * 15_000,
}, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = new SeededRandom(SEED);
  const dataDir = await mkdtemp(join(tmpdir(), 'openwit-kill-'));
  const acknowledged: number[] = [];
  let next = 0;
  let cold = 0;
  /** Kills that left a file half written. */
  const met = { merges: 0, uploads: 0, indexes: 0 };
  const isMerging = () => filesIn(join(dataDir, 'parquet')).some((path) => /stable-.*\.tmp$/.test(path));
  const isIndexing = () => filesIn(join(dataDir, 'parquet')).some((path) => path.endsWith('.index.tmp'));
  const isUploading = () => filesIn(join(dataDir, 'cold')).some((path) => path.includes('.unfinished'));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const node = await startNode(dataDir, configOf(dataDir));
      const life = random.below(MAX_LIFE_MS);
      const clients = Array.from({ length: CONNECTIONS }, () =>
        sendUntilDead(node, () => take(1 + random.below(MAX_RECORDS_PER_REQUEST)), acknowledged),
      );
      await sleep(life);
      // Of four kills one comes at any moment, and one each as soon as a merge, an upload or an index is seen.
      if (round % 4 === 1) await whenSeen(isMerging);
      if (round % 4 === 2) await whenSeen(isUploading);
      if (round % 4 === 3) await whenSeen(isIndexing);
      await node.kill();
      await Promise.all(clients);
      if (isMerging()) met.merges++;
      if (isUploading()) met.uploads++;
      if (isIndexing()) met.indexes++;
      if (random.below(4) === 0) await killWhileStarting(dataDir, random);
      if (round % 5 === 4 || round === ROUNDS - 1) await check();
    }
    assert.ok(cold > 0, 'files moved');
    t.diagnostic(`kills in the middle of a merge ${met.merges}, an upload ${met.uploads}, an index ${met.indexes}`);
    assert.ok(met.merges > 0, 'merges were met');
    assert.ok(met.uploads > 0, 'uploads were met');
    assert.ok(met.indexes > 0, 'indexes were met');
    await comeToRest(dataDir);
    await assertNothingIsLeftOver(dataDir);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }

  function take(count: number): number[] {
    next += count;
    return range(next - count, count);
  }

  async function check(): Promise<void> {
    const node = await startNode(dataDir, configOf(dataDir));
    try {
      const { rows } = await ask(node.api, "select attributes['n']::int as n, count(*) as times from logs group by 1");
      const times = new Map(rows.map(([n, count]) => [Number(n), Number(count)]));
      const lost = acknowledged.filter((n) => !times.has(n));
      const doubled = [...times].filter(([, count]) => count !== 1);
      assert.deepEqual(lost, [], `lost of ${acknowledged.length} acknowledged`);
      assert.deepEqual(doubled, [], 'stored more than once');
      for (let i = 0; i < LOOK_UPS; i++) {
        const n = acknowledged[random.below(acknowledged.length)]!;
        const found = await ask(node.api, `select count(*) from logs where attributes['n'] = '${n}'`);
        assert.equal(Number(found.rows[0]![0]), 1, `by its index, n=${n}`);
      }
      cold = Math.max(cold, filesIn(join(dataDir, 'cold')).length);
    } finally {
      assert.equal(await node.stop(), 0);
    }
  }
});

/** It may have passed when this returns: the next step is met then. */
async function whenSeen(isThere: () => boolean): Promise<void> {
  for (const end = Date.now() + AIM_MS; Date.now() < end && !isThere(); ) await sleep(1);
}

async function comeToRest(dataDir: string): Promise<void> {
  const node = await startNode(dataDir, configOf(dataDir));
  await sleep(REST_MS);
  assert.equal(await node.stop(), 0);
}

/** A kill in the middle of recovery: the process is ended before it says that it is ready. */
async function killWhileStarting(dataDir: string, random: SeededRandom): Promise<void> {
  const starting = startNode(dataDir, configOf(dataDir)).catch(() => undefined);
  await sleep(random.below(250));
  await (await starting)?.kill();
}

/** One client after its other requests; a number counts as acknowledged when its request was answered 200. */
async function sendUntilDead(node: NodeProcess, take: () => number[], acknowledged: number[]): Promise<void> {
  for (;;) {
    const numbers = take();
    const status = await sendLogs(node.http, numbers);
    if (status === undefined) return; // what was not answered may or may not be there
    if (status === 200) acknowledged.push(...numbers);
  }
}

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenWitOptions } from '@openwit/core';
import { DEFAULT_TENANT_HEADER } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { type Deletion, startEmbeddedNode } from '../support/embedded-node.ts';
import { filesIn, placesOf } from '../support/folder-search.ts';
import { assertNothingIsLeftOver } from '../support/leftovers.ts';
import { range } from '../support/log-request.ts';
import { ask } from '../support/node-process.ts';

const ROUNDS = Number(process.env.OPENWIT_CRASH_ROUNDS ?? 16);
const SEED = Number(process.env.OPENWIT_SEED ?? Date.now() % 1_000_000);
const SIGNALS = ['logs', 'traces'] as const;
/** The tenant whose records stay, but for those of single persons. */
const SHARED = 'shared';
const KEPT = 'person-who-stays';
const REST_MS = 3000;
const MOVE_MS = 350;
/** Of a client that goes on while records are deleted. */
const PAUSE_MS = 20;
/** Kills fall on all of a deletion, and on what comes soon after it. */
const REACH = 1.5;

type Signal = (typeof SIGNALS)[number];

/** Active files as plain bytes, for the search; small batches, eager merges, and a cold tier that every merged file goes to. */
const optionsOf = (dataDir: string): OpenWitOptions => ({
  dataDir,
  ingest: { batch: { maxRows: 200, maxAgeMs: 100 } },
  wal: { segmentBytes: 64 * 1024 },
  storage: {
    compression: 'none',
    compaction: { minFiles: 2, quietMs: 100 },
    snapshotRetentionMs: 300,
    bucketSweep: { everyMs: 500, minAgeMs: 100 },
  },
  indexing: { delayMs: 1 },
  tiers: { cold: { type: 'folder', folder: join(dataDir, 'cold') }, policies: [{ coldAfterMs: 1 }] },
});

/** Whose records go, and where they are. */
interface Leaving {
  readonly person: string;
  readonly tenant: string;
  readonly signals: readonly Signal[];
  readonly deletion: Deletion;
}

interface Sent {
  readonly n: number;
  readonly tenant: string;
  readonly signal: Signal;
  readonly person: string;
  isAcknowledged: boolean;
}

test(`a deletion survives ${ROUNDS} times kill -9: acknowledged it is complete, else it is asked again`, {
  timeout: 60_000 + ROUNDS * 15_000,
}, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = new SeededRandom(SEED);
  const dataDir = await mkdtemp(join(tmpdir(), 'openwit-kill-'));
  const sent: Sent[] = [];
  /** Of a completed deletion. */
  const gone = new Set<string>();
  const tally = { acknowledged: 0, done: 0, partly: 0, begun: 0, cold: 0, logged: 0 };
  /** How long each kind of deletion takes when nothing kills it. */
  const durations: number[] = [];
  let node = await startEmbeddedNode(optionsOf(dataDir));
  try {
    // The first of each kind go to their end, and are killed then.
    for (let round = 0; round < ROUNDS; round++) {
      const kind = round % 2;
      const leaving = kind === 0 ? tenantOf(round) : personOf(round);
      await fill(leaving);
      const clients = SIGNALS.map((signal) => sendUntilDead(signal));
      const begin = performance.now();
      const answered = node.delete(leaving.deletion);
      const duration = durations[kind];
      if (duration === undefined) await answered.then(() => (durations[kind] = performance.now() - begin));
      else await sleep(((REACH * (round - 2 + 2 * random.next())) / (ROUNDS - 2)) * duration);
      await node.kill();
      await Promise.all(clients);
      const isAcknowledged = await answered;
      if (isAcknowledged) assertIsGone(leaving);
      if (random.below(4) === 0) await killWhileStarting();
      node = await startEmbeddedNode(optionsOf(dataDir));
      if (isAcknowledged) tally.acknowledged++;
      else await askAgain(leaving);
      await checkRecords(new Set([SHARED, leaving.tenant]));
    }
    await checkRecords(new Set(sent.map(({ tenant }) => tenant)));
    t.diagnostic(JSON.stringify({ ...tally, durations: durations.map(Math.round) }));
    await sleep(REST_MS);
    assert.equal(await node.stop(), 0);
    await assertNothingIsLeftOver(dataDir);
    for (const person of gone) assert.deepEqual(placesOf(dataDir, person), []);
    assert.ok(tally.cold > 0 && tally.logged > 0, 'records were in the cold tier and in the log');
  } finally {
    await node.kill();
    await rm(dataDir, { recursive: true, force: true });
  }

  /** Half of the records come to the cold tier, the others are in the log when the deletion begins. */
  async function fill({ person, tenant, signals }: Leaving): Promise<void> {
    for (const isLate of [false, true]) {
      for (const signal of signals) {
        for (let i = 0; i < 3; i++) {
          assert.equal(await send(tenant, signal, person), true);
          assert.equal(await send(SHARED, signal, KEPT), true);
        }
      }
      if (!isLate) await sleep(MOVE_MS);
    }
    if (filesIn(join(dataDir, 'cold')).some((path) => path.includes(`/${tenant}/`))) tally.cold++;
    if (placesOf(join(dataDir, 'wal'), person).length > 0) tally.logged++;
  }

  function assertIsGone({ person, tenant, signals }: Leaving): void {
    gone.add(person);
    assert.deepEqual(placesOf(dataDir, person), [], `of a deletion of ${signals} of ${tenant}`);
  }

  /** What was not acknowledged has left all records, or those of some files, or none. */
  async function askAgain(leaving: Leaving): Promise<void> {
    const { person, tenant, signals } = leaving;
    let left = 0;
    let whole = 0;
    for (const signal of signals) {
      const isOwn = (record: { readonly person: string }) => record.person === person;
      const stored = (await recordsOf(tenant, signal)).filter(isOwn).length;
      const all = sent.filter((record) => isOwn(record) && record.signal === signal).length;
      assert.ok(stored <= all);
      left += stored;
      whole += all;
    }
    if (tenant !== SHARED) assert.ok(left === 0 || left === whole, `a tenant goes at once, left=${left} of ${whole}`);
    tally[left === whole ? 'begun' : left > 0 ? 'partly' : 'done']++;
    assert.equal(await node.delete(leaving.deletion), true);
    assertIsGone(leaving);
  }

  /** Nothing of what was deleted, and everything else that was acknowledged, once. */
  async function checkRecords(tenants: ReadonlySet<string>): Promise<void> {
    for (const tenant of tenants) {
      for (const signal of SIGNALS) {
        const times = new Map<number, number>();
        for (const { n, person } of await recordsOf(tenant, signal)) {
          assert.ok(!gone.has(person), `a record of ${person} is back`);
          times.set(n, (times.get(n) ?? 0) + 1);
        }
        const own = sent.filter((record) => record.tenant === tenant && record.signal === signal);
        const owed = own.filter(({ person, isAcknowledged }) => isAcknowledged && !gone.has(person));
        assert.deepEqual(
          owed.filter(({ n }) => !times.has(n)),
          [],
          `lost of ${tenant}'s ${signal}`,
        );
        assert.deepEqual(
          [...times].filter(([, count]) => count > 1),
          [],
          'stored more than once',
        );
      }
    }
  }

  async function recordsOf(tenant: string, signal: Signal): Promise<{ n: number; person: string }[]> {
    const sql = `select attributes['n']::int as n, attributes['user.id'] as person from ${signal}`;
    const { rows } = await ask(node.api, sql, { [DEFAULT_TENANT_HEADER]: tenant });
    return rows.map(([n, person]) => ({ n: Number(n), person: String(person) }));
  }

  async function sendUntilDead(signal: Signal): Promise<void> {
    while (await send(SHARED, signal, KEPT)) await sleep(PAUSE_MS);
  }

  /** @returns whether it was acknowledged; what was not may be there or not */
  async function send(tenant: string, signal: Signal, person: string): Promise<boolean> {
    const records = range(sent.length, 20).map((n) => ({ n, tenant, signal, person, isAcknowledged: false }));
    sent.push(...records);
    const headers = { 'content-type': 'application/json', [DEFAULT_TENANT_HEADER]: tenant };
    const body = requestOf(signal, records);
    try {
      const response = await fetch(`${node.http}/v1/${signal}`, { method: 'POST', headers, body });
      await response.arrayBuffer();
      if (response.status !== 200) return false;
    } catch {
      return false;
    }
    for (const record of records) record.isAcknowledged = true;
    return true;
  }

  async function killWhileStarting(): Promise<void> {
    const starting = startEmbeddedNode(optionsOf(dataDir)).catch(() => undefined);
    await sleep(random.below(400));
    await (await starting)?.kill();
  }
});

function tenantOf(round: number): Leaving {
  const name = `gone-${round}`;
  return { person: `person-of-${name}-`, tenant: name, signals: SIGNALS, deletion: { tenant: name } };
}

function personOf(round: number): Leaving {
  const person = `person-${round}-`;
  const signal = SIGNALS[Math.floor(round / 2) % 2]!;
  const where = "attributes['user.id'] = $1";
  return { person, tenant: SHARED, signals: [signal], deletion: { tenant: SHARED, signal, where, params: [person] } };
}

function requestOf(signal: Signal, records: readonly Sent[]): string {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'persons' } }] };
  const items = records.map(({ n, person }) => ({
    attributes: [
      { key: 'n', value: { intValue: String(n) } },
      { key: 'user.id', value: { stringValue: person } },
    ],
    ...(signal === 'logs' ? logOf(n, person) : spanOf(n, person)),
  }));
  return JSON.stringify(
    signal === 'logs'
      ? { resourceLogs: [{ resource, scopeLogs: [{ logRecords: items }] }] }
      : { resourceSpans: [{ resource, scopeSpans: [{ spans: items }] }] },
  );
}

function logOf(n: number, person: string): object {
  return { timeUnixNano: timeOf(n), body: { stringValue: `${person} wrote ${n}` } };
}

function spanOf(n: number, person: string): object {
  const ids = { traceId: n.toString(16).padStart(32, '0'), spanId: (n + 1).toString(16).padStart(16, '0') };
  return { ...ids, name: `${person} did ${n}`, startTimeUnixNano: timeOf(n), endTimeUnixNano: timeOf(n + 1) };
}

function timeOf(n: number): string {
  return String(1_790_000_000_000_000_000n + BigInt(n));
}

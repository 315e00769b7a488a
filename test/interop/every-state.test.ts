import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { OpenWit } from '@openwit/core';
import { SIGNALS, type Signal, systemClock } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { SqliteCatalog } from '@openwit/storage';
import { type DuckDbReader, duckDbReader } from '../services/duckdb-reader.ts';
import { rowsOfLakehouse, rowsOfNode, tableAt } from '../support/lakehouse-rows.ts';
import { ask, type NodeProcess, startNode } from '../support/node-process.ts';
import { type OddRecords, oddRequest } from '../support/odd-records.ts';
import { filesOnDisk, storedFiles } from '../support/stored-files.ts';
import { FILTERS, summary } from '../support/table-summaries.ts';
import { until } from '../support/until.ts';
import { workloadRequests } from '../support/workload-requests.ts';

const TENANTS = ['default', 'Odd-1.x'];
const HOUR_NS = 3600n * 1_000_000_000n;
const FROM_NS = 1_780_000_000_000_000_000n;
const NEVER_MS = 2 ** 31 - 1;
const DAY_MS = 24 * 3600 * 1000;
/** Small batches: several files an hour, with other attribute columns each. */
const INGEST = { batch: { maxRows: 250, maxAgeMs: 150 } };

const found = await duckDbReader();
const skip = 'missing' in found ? found.missing : false;
const reader = found as DuckDbReader;
const dataDir = mkdtempSync(join(tmpdir(), 'openwit-states-'));
const catalog = join(dataDir, 'catalog.sqlite');
const TIERS = { cold: { type: 'folder', folder: join(dataDir, 'cold') }, policies: [{ coldAfterMs: 1 }] } as const;
const random = new SeededRandom(11);
let node: NodeProcess | undefined;
/** The rows of all tables when files were merged for the first time. */
const unmerged = new Map<string, readonly string[]>();
/** What older snapshots answered when they were read first. */
const answers = new Map<number, unknown>();

after(async () => {
  await node?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test('before compaction a stranger reads what the node reads', { skip }, async () => {
  node = await startNode(dataDir, config({ quietMs: NEVER_MS, minFiles: NEVER_MS }));
  for (const signal of SIGNALS) {
    for (const payload of workloadRequests(signal, { requests: 3, perRequest: 200 }))
      await send(signal, payload, 'default');
    // Some keys are in these first files alone, and some of the next files have them with other types.
    await sendOdd(signal, { keys: { early: 'text', mixed: 'int', count: 'int', share: 'double', isDone: 'bool' } });
  }
  await untilInFiles();
  assert.ok(storedFiles(dataDir).every(({ generation }) => generation === 0));
  const matched = await sameAnswers();
  assert.deepEqual(matched, new Set(SIGNALS.flatMap((signal) => FILTERS[signal])), 'every filter has rows');
  for (const [name, rows] of await allRows()) unmerged.set(name, rows);
});

test('while the node takes and merges more, a stranger reads whole snapshots', { skip }, async () => {
  await node!.stop();
  node = await startNode(dataDir, config({ quietMs: 100, minFiles: 4 }));
  let isSending = true;
  const sending = (async () => {
    for (let round = 0; round < 6; round++) {
      for (const signal of SIGNALS) {
        await sendOdd(signal, { keys: { mixed: 'text', [`later.${round}`]: 'int', ключ: 'text' } });
        await delay(100);
      }
    }
  })().finally(() => (isSending = false));
  const counts = new Map<string, number>();
  while (isSending) {
    for (const signal of SIGNALS) {
      const place = { catalog, tenant: TENANTS[1]! };
      const now = `select count(*), count(timestamp), count(distinct timestamp) from ${tableAt(signal, place)}`;
      const [[rows, times, different]] = (await reader.read(catalog, now)) as [[number, number, number]];
      assert.ok(rows >= (counts.get(signal) ?? 0), 'what was seen is seen again');
      assert.deepEqual([times, different], [rows, rows], 'and once');
      counts.set(signal, rows);
    }
    await rememberSnapshot();
  }
  await sending;
  assert.ok(answers.size > 0);
});

test('after compaction a stranger reads what the node reads, and older snapshots as they were', { skip }, async () => {
  await untilMerged();
  const files = storedFiles(dataDir);
  assert.ok(
    files.some(({ isLive }) => !isLive),
    'files that only older snapshots have',
  );
  await sameAnswers();
  await keepsUnmergedRows();
  await foldsBack();
  for (const [version, before] of answers) assert.deepEqual(await answersAt(version), before, `version ${version}`);
});

test('after snapshots expired a stranger reads the same, and no file is left that none has', { skip }, async () => {
  await node!.stop();
  node = await startNode(dataDir, config({ quietMs: 100, minFiles: 4 }, 1));
  await until(() => storedFiles(dataDir).every(({ isLive }) => isLive) && !hasOrphans(), 'older snapshots stay');
  await sameAnswers();
  await keepsUnmergedRows();
  const [version] = answers.keys();
  await assert.rejects(answersAt(version!), /No snapshot found/);
});

test('a dropped tenant is gone for a stranger too, and the other one is not', { skip }, async () => {
  await node!.stop();
  const parts = { clock: systemClock };
  const own = await SqliteCatalog.open(parts, { path: catalog, dataPath: join(dataDir, 'parquet') });
  await own.dropTenant('default');
  await own.close();
  await assert.rejects(
    reader.read(catalog, `select 1 from ${tableAt('logs', { catalog, tenant: 'default' })}`),
    /exist/,
  );
  node = await startNode(dataDir, config({ quietMs: 100, minFiles: 4 }, 1));
  for (const signal of SIGNALS) assert.deepEqual(await rowsOfNode(node.api, signal, 'default'), []);
  await sameAnswers([TENANTS[1]!]);
  await until(() => storedFiles(dataDir).every(({ tenant }) => tenant !== 'default') && !hasOrphans(), 'files stay');
  await send('logs', oddRequest('logs', random, { count: 3, fromNs: FROM_NS }), 'default');
  // Here the files of an older snapshot go at once, also from under a reader.
  await untilMerged();
  await sameAnswers();
});

test('after files moved to a bucket a stranger reads what the node reads', { skip }, async () => {
  await node!.stop();
  node = await startNode(dataDir, { ...config({ quietMs: 100, minFiles: 4 }, 1), tiers: TIERS });
  await until(() => filesOnDisk(dataDir).length === 0, 'files stay on the disk');
  assert.ok(storedFiles(dataDir).every(({ path }) => path.startsWith('file://')));
  await sameAnswers();
});

test('after rows were deleted a stranger reads what the node reads, in the bucket and on the disk', {
  skip,
}, async () => {
  await node!.stop();
  const where = "service_name in ('ünï', 'service-3', '🙂')";
  const counts = async () => {
    const of = (signal: Signal) =>
      reader.read(catalog, `select count(*) from ${tableAt(signal, { catalog, tenant: TENANTS[1]! })} where ${where}`);
    return (await Promise.all(SIGNALS.map(of))).map(([row]) => (row as [number])[0]);
  };
  assert.ok((await counts()).every((count) => count > 0));
  const wit = await OpenWit.open({ dataDir, tiers: { cold: TIERS.cold } });
  for (const signal of SIGNALS) assert.ok((await wit.deleteRecords({ tenant: TENANTS[1]!, signal, where })) > 0);
  await wit.close();
  assert.deepEqual(
    await counts(),
    SIGNALS.map(() => 0),
  );
  node = await startNode(dataDir, {
    ...config({ quietMs: NEVER_MS, minFiles: NEVER_MS }, 1),
    tiers: { cold: TIERS.cold },
  });
  const tiers = new Set(storedFiles(dataDir).map(({ path }) => path.startsWith('file://')));
  assert.equal(tiers.size, 2, 'files here and there');
  await sameAnswers();
});

/** The rows, counts, sums and filtered rows of both, in every table. @returns the filters that had rows */
async function sameAnswers(tenants: readonly string[] = TENANTS): Promise<Set<string>> {
  const matched = new Set<string>();
  for (const tenant of tenants) {
    for (const signal of SIGNALS) {
      const place = { catalog, tenant };
      const own = await rowsOfNode(node!.api, signal, tenant);
      assert.deepEqual(await rowsOfLakehouse(reader, signal, place).catch(unlessUnknown), own, `${tenant} ${signal}`);
      if (own.length === 0) continue;
      const filters = ['true', ...FILTERS[signal]];
      const question = (from: string) =>
        `${filters.map((filter, i) => summary(signal, from, filter, i)).join(' union all ')} order by 1`;
      const { rows } = await ask(node!.api, question(signal), { 'x-scope-orgid': tenant });
      assert.deepEqual(await reader.read(catalog, question(tableAt(signal, place))), rows, question(signal));
      rows.forEach(([i, count]) => {
        if (Number(i) > 0 && Number(count) > 0) matched.add(filters[Number(i)]!);
      });
    }
  }
  return matched;
}

/** A tenant has only the tables that something was sent to. */
function unlessUnknown(error: Error): string[] {
  if (!/Table .* does not exist/.test(error.message)) throw error;
  return [];
}

async function allRows(): Promise<Map<string, readonly string[]>> {
  const rows = new Map<string, readonly string[]>();
  for (const tenant of TENANTS) {
    for (const signal of SIGNALS) rows.set(`${tenant}/${signal}`, await rowsOfNode(node!.api, signal, tenant));
  }
  return rows;
}

/** Rows that were written before the first merge are as they were, every column of them. */
async function keepsUnmergedRows(): Promise<void> {
  for (const [name, rows] of await allRows()) {
    const now = new Set(rows);
    assert.deepEqual(
      unmerged.get(name)!.filter((row) => !now.has(row)),
      [],
      name,
    );
  }
}

/** A key that was a column of the first files is in the map of the file that they became. */
async function foldsBack(): Promise<void> {
  const from = tableAt('logs', { catalog, tenant: TENANTS[1]! });
  const sql = `select count("attributes.mixed"), count(*) filter (map_contains(attributes, 'mixed')) from ${from}`;
  const [[inColumn, inMap]] = (await reader.read(catalog, sql)) as [[number, number]];
  assert.ok(inColumn === 0 && inMap > 0, `column=${inColumn} map=${inMap}`);
}

async function rememberSnapshot(): Promise<void> {
  const [[version]] = (await reader.read(catalog, 'select max(snapshot_id) from wit.snapshots()')) as [[number]];
  if (!answers.has(version)) answers.set(version, await answersAt(version));
}

function answersAt(version: number): Promise<unknown> {
  const read = SIGNALS.map((signal) => rowsOfLakehouse(reader, signal, { catalog, tenant: TENANTS[1]!, version }));
  return Promise.all(read);
}

function config(compaction: object, snapshotRetentionMs = DAY_MS): object {
  return { ingest: INGEST, storage: { compaction, snapshotRetentionMs } };
}

/** Two requests, hours apart. */
async function sendOdd(signal: Signal, { keys }: Pick<OddRecords, 'keys'>): Promise<void> {
  for (const hours of [0n, 2n]) {
    // No two records of one time: so a reader finds those that come twice.
    const fromNs = FROM_NS + hours * HOUR_NS + BigInt(random.below(1e9)) * 1000n;
    await send(signal, oddRequest(signal, random, { count: 60, fromNs, ...(keys && { keys }) }), TENANTS[1]!);
  }
}

async function send(signal: Signal, body: string | Uint8Array<ArrayBuffer>, tenant: string): Promise<void> {
  const type = typeof body === 'string' ? 'application/json' : 'application/x-protobuf';
  const headers = { 'content-type': type, 'x-scope-orgid': tenant };
  const response = await fetch(`${node!.http}/v1/${signal}`, { method: 'POST', headers, body });
  assert.equal(response.status, 200, await response.text());
}

/** Batches are sealed by their age; a stranger sees what is committed. */
async function untilInFiles(): Promise<void> {
  for (const tenant of TENANTS) {
    for (const signal of SIGNALS) {
      const { rows } = await ask(node!.api, `select count(*) from ${signal}`, { 'x-scope-orgid': tenant });
      await until(() => rowsInFiles(tenant, signal) === rows[0]![0], `${tenant} ${signal} never came into files`);
    }
  }
}

function rowsInFiles(tenant: string, signal: Signal): number {
  const live = storedFiles(dataDir).filter((file) => file.isLive && file.tenant === tenant && file.table === signal);
  return live.reduce((sum, { rows }) => sum + rows, 0);
}

async function untilMerged(): Promise<void> {
  await untilInFiles();
  const isMerged = () => storedFiles(dataDir).every(({ isLive, generation }) => !isLive || generation > 0);
  await until(isMerged, 'files were never merged');
}

function hasOrphans(): boolean {
  const known = new Set(storedFiles(dataDir).map(({ path }) => path));
  return filesOnDisk(dataDir).some((path) => !known.has(path));
}

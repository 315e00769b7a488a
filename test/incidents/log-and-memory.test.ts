// What the users of other systems lost to their write-ahead logs and buffers; each a test by the name of its report.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { OpenWit, type OpenWitOptions } from '@openwit/core';
import { isOpenWitError, nodeFileSystem } from '@openwit/ports';
import { FaultyFileSystem } from '@openwit/ports/testing';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { logRequest, range } from '../support/log-request.ts';

const PATIENCE_MS = 20_000;

test('quickwit#3589: a frame that a kill tore does not stop the start', async (t) => {
  const { dataDir, bytes } = await folderWithLog(t);
  const log = segmentIn(dataDir);
  for (const kept of [bytes - 1, bytes - 20, bytes - 70, Math.round(bytes * 0.8)]) {
    writeFileSync(log, readFileSync(log).subarray(0, kept));
    const seen = await numbersIn({ dataDir });
    assert.deepEqual(seen, range(0, seen.length), 'what is left is whole, from the first record on');
    assert.ok(kept < bytes * 0.9 || seen.length >= 80, `only ${seen.length} of 100 are left, kept=${kept}`);
  }
});

test('recovery never deletes the segment that is appended to', async (t) => {
  const { dataDir } = await folderWithLog(t);
  for (let life = 1; life <= 3; life++) {
    const wit = await OpenWit.open({ dataDir });
    await ingest(wit, range(100 * life, 20));
    assert.ok(readdirSync(join(dataDir, 'wal')).length > 0);
    assert.equal((await numbers(wit)).length, 100 + 20 * life);
    await abandon(wit, dataDir, t);
  }
  assert.equal((await numbersIn({ dataDir })).length, 160);
});

test('a torn tail is cut before anything is appended, so that what follows it is read', async (t) => {
  const { dataDir, bytes } = await folderWithLog(t);
  truncateSync(segmentIn(dataDir), bytes - 30);
  const first = await OpenWit.open({ dataDir, ingest: KEEP_OPEN });
  const left = (await numbers(first)).length;
  await ingest(first, range(1000, 50));
  const copy = await copyOf(dataDir, t);
  await first.close();
  assert.equal((await numbersIn({ dataDir: copy })).length, left + 50);
});

test('tempo#1825: a log of twenty times the memory limit is replayed within the limit', async (t) => {
  const dataDir = folder(t);
  const big = await OpenWit.open({ dataDir, ingest: { ...KEEP_OPEN, limits: { maxMemoryBytes: 1 << 30 } } });
  const padding = 'x'.repeat(2300);
  for (let i = 0; i < 200; i++) await ingest(big, range(i * 50, 50), padding);
  const copy = await copyOf(dataDir, t);
  await big.close();
  const logBytes = readdirSync(join(copy, 'wal')).reduce(
    (sum, name) => sum + statSync(join(copy, 'wal', name)).size,
    0,
  );
  const maxMemoryBytes = 1024 * 1024;
  assert.ok(logBytes > 20 * maxMemoryBytes, `the log is too small for the test, bytes=${logBytes}`);

  const fileSystem = new PeakMemory(nodeFileSystem);
  const wit = await OpenWit.open({ dataDir: copy, fileSystem, ingest: { limits: { maxMemoryBytes } } });
  const [row] = await wit.sql`select count(*) as records, count(distinct attributes['n']) as different from logs`;
  assert.deepEqual(row, { records: 10_000n, different: 10_000n });
  assert.ok(fileSystem.files >= 10, `it went to files as it was read, files=${fileSystem.files}`);
  assert.ok(fileSystem.largestRead < 8 * maxMemoryBytes, `no read takes all of it, bytes=${fileSystem.largestRead}`);
  await wit.close();
});

test('loki#15235: a full disk does not block the start, nor the end, and nothing is lost', async (t) => {
  const dataDir = folder(t);
  const before = await OpenWit.open({ dataDir, ingest: KEEP_OPEN });
  for (let i = 0; i < 40; i++) await ingest(before, range(i * 50, 50), 'y'.repeat(1000));
  const copy = await copyOf(dataDir, t);
  await before.close();

  const disk = new FaultyFileSystem(nodeFileSystem);
  const full = disk.fail('ENOSPC', { operation: 'write', times: Number.POSITIVE_INFINITY });
  const limits = { maxMemoryBytes: 256 * 1024, maxRecoveryWaitMs: 50 };
  const options = { dataDir: copy, fileSystem: disk, ingest: { limits } };
  const stuck = await OpenWit.open(options);
  await assert.rejects(numbers(stuck), (error) => isOpenWitError(error) && error.code === 'RECOVERING');
  await assert.rejects(ingest(stuck, [1]), (error) => isOpenWitError(error) && error.code === 'RECOVERING');
  await stuck.close();

  const freed = await OpenWit.open(options);
  full.clear();
  assert.equal((await untilAnswered(freed)).length, 2000);
  await freed.close();
});

test('quickwit#3633, #4578, #5639: buffers do not grow with the load, it is answered with overload', async (t) => {
  const disk = new FaultyFileSystem(nodeFileSystem);
  const maxMemoryBytes = 512 * 1024;
  const wit = await OpenWit.open({
    dataDir: folder(t),
    fileSystem: disk,
    ingest: { limits: { maxMemoryBytes, maxWaitMs: 20 } },
  });
  const slow = disk.fail('EIO', { operation: 'write', path: /parquet/, times: Number.POSITIVE_INFINITY });
  const acknowledged: number[] = [];
  let refused = 0;
  for (let i = 0; i < 60; i++) {
    const asked = range(i * 50, 50);
    const result = await ingest(wit, asked, 'z'.repeat(500)).catch((error: unknown) => error);
    if (isOpenWitError(result)) {
      assert.deepEqual([result.kind, result.code], ['overloaded', 'OVERLOADED']);
      refused++;
    } else {
      acknowledged.push(...asked);
    }
  }
  assert.ok(refused > 10 && acknowledged.length > 0, `refused=${refused}, acknowledged=${acknowledged.length}`);
  assert.deepEqual(await numbers(wit), acknowledged, 'what was acknowledged is there, all the while');
  slow.clear();
  await wit.close();
});

const KEEP_OPEN = { batch: { maxAgeMs: 3_600_000, maxBytes: 1 << 30, maxRows: 1_000_000 } };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'openwit-incident-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A data folder as a kill leaves it: 100 records in ten frames of the log, none in files. */
async function folderWithLog(t: TestContext): Promise<{ dataDir: string; bytes: number }> {
  const origin = folder(t);
  const wit = await OpenWit.open({ dataDir: origin, ingest: KEEP_OPEN });
  for (let i = 0; i < 10; i++) await ingest(wit, range(i * 10, 10));
  const dataDir = await copyOf(origin, t);
  await wit.close();
  return { dataDir, bytes: statSync(segmentIn(dataDir)).size };
}

/** The folder of a node that runs, without its lock, as if it were killed now. */
async function copyOf(dataDir: string, t: TestContext): Promise<string> {
  const { cp } = await import('node:fs/promises');
  const copy = join(folder(t), 'data');
  await cp(dataDir, copy, { recursive: true });
  return copy;
}

/** Leaves the folder as it is now: what a close would still write is undone. */
async function abandon(wit: OpenWit, dataDir: string, t: TestContext): Promise<void> {
  const copy = await copyOf(dataDir, t);
  await wit.close();
  const { cp, rm } = await import('node:fs/promises');
  await rm(dataDir, { recursive: true });
  await cp(copy, dataDir, { recursive: true });
}

function segmentIn(dataDir: string): string {
  const names = readdirSync(join(dataDir, 'wal')).sort();
  return join(dataDir, 'wal', names.at(-1)!);
}

function ingest(wit: OpenWit, which: readonly number[], padding = '') {
  const json = logRequest(which).replaceAll('"record ', `"${padding}record `);
  const payload = otlpJsonToProtobuf('logs', Buffer.from(json));
  return wit.ingest({ tenant: 'default', signal: 'logs', payload });
}

async function numbers(wit: OpenWit): Promise<number[]> {
  const rows = await wit.sql`select attributes['n']::int as n from logs order by n`;
  return rows.map(({ n }) => Number(n));
}

async function numbersIn(options: OpenWitOptions): Promise<number[]> {
  const wit = await OpenWit.open(options);
  try {
    return await numbers(wit);
  } finally {
    await wit.close();
  }
}

async function untilAnswered(wit: OpenWit): Promise<number[]> {
  for (let waited = 0; waited < PATIENCE_MS; waited += 50) {
    const answer = await numbers(wit).catch((error: unknown) => error);
    if (!isOpenWitError(answer)) return answer as number[];
    assert.equal(answer.code, 'RECOVERING');
    await delay(50);
  }
  throw new Error('the node never recovered');
}

/** Counts what goes through it. */
class PeakMemory extends FaultyFileSystem {
  files = 0;
  largestRead = 0;

  override async open(path: string, mode: 'create' | 'write' | 'read') {
    if (mode === 'create' && path.includes('parquet')) this.files++;
    const file = await super.open(path, mode);
    return {
      ...file,
      read: (target: Uint8Array, position: number) => {
        this.largestRead = Math.max(this.largestRead, target.length);
        return file.read(target, position);
      },
    };
  }
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SIGNALS, type Signal, TABLES, typesColumnOf } from '@openwit/ports';
import { type DuckDbReader, duckDbReader } from '../services/duckdb-reader.ts';
import { ask, type NodeProcess, startNode } from '../support/node-process.ts';

const GENERATOR = join(import.meta.dirname, '../../bench/workload/generate.mjs');
const REQUESTS = 4;
const PATIENCE = 40;
/** Small batches: several files with other attribute columns each. */
const CONFIG = { ingest: { batch: { maxRows: 250, maxAgeMs: 200 } } };
const RECORDS: Record<Signal, number> = { traces: 0, logs: 0, metrics: 0 };

const found = await duckDbReader();
const skip = 'missing' in found ? found.missing : false;
const reader = found as DuckDbReader;
let dataDir: string;
let node: NodeProcess;

before(async () => {
  if (skip !== false) return;
  dataDir = mkdtempSync(join(tmpdir(), 'openwit-reader-'));
  node = await startNode(dataDir, CONFIG);
  for (const signal of SIGNALS) await send(signal);
});

after(async () => {
  await node?.stop();
  if (dataDir !== undefined) rmSync(dataDir, { recursive: true, force: true });
});

for (const signal of SIGNALS) {
  test(`while the node runs, an independent DuckDB reads the same ${signal} from its lakehouse`, { skip }, async () => {
    await untilInFiles(signal);
    const plain = TABLES[signal].filter(({ name }) => !MAPS.includes(name)).map(({ name }) => `${name}::varchar`);
    const keys = await keysOf(signal);
    const ours = [...plain, ...keys.map(({ map, key }) => `${map}['${key}']`)];
    const theirColumns = await columnsOf(signal);
    const theirs = [...plain, ...keys.map(({ map, key }) => keyIn(theirColumns, map, key))];
    const own = (await ask(node.api, `select ${ours.join(', ')} from ${signal}`)).rows;
    const read = await reader.read(catalog(), `select ${theirs.join(', ')} from wit."default".${signal}`);
    assert.ok(keys.length >= 3 && own.length === RECORDS[signal], `keys=${keys.length}, rows=${own.length}`);
    assert.deepEqual(read.map(textOf).sort(), own.map(textOf).sort());
  });
}

test('statistics in the catalog drop no row that a filter wants', { skip }, async () => {
  await untilInFiles('traces');
  const where = "duration_ns > 40000000 and timestamp >= timestamp_ns '2026-01-01 00:00:00'";
  const own = await ask(node.api, `select count(*), min(duration_ns), max(duration_ns) from traces where ${where}`);
  const sql = `select count(*), min(duration_ns), max(duration_ns) from wit."default".traces where ${where}`;
  assert.deepEqual(await reader.read(catalog(), sql), own.rows);
  assert.ok(Number(own.rows[0]![0]) > 0);
});

const MAPS = ['attributes', 'resource_attributes', 'scope_attributes'];

function catalog(): string {
  return join(dataDir, 'catalog.sqlite');
}

async function send(signal: Signal): Promise<void> {
  const file = join(dataDir, `${signal}.bin`);
  const settings = ['--requests', String(REQUESTS), '--per-request', '200', '--seed', '5'];
  execFileSync(process.execPath, [GENERATOR, signal, file, ...settings], { stdio: 'ignore' });
  const bytes = readFileSync(file);
  const headers = { 'content-type': 'application/x-protobuf' };
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    const body = bytes.subarray(at + 4, at + 4 + length);
    const response = await fetch(`${node.http}/v1/${signal}`, { method: 'POST', headers, body });
    assert.equal(response.status, 200);
    at += 4 + length;
  }
  const { rows } = await ask(node.api, `select count(*) from ${signal}`);
  RECORDS[signal] = Number(rows[0]![0]);
}

/** Batches are sealed by their age; the reader sees what is committed. */
async function untilInFiles(signal: Signal): Promise<void> {
  for (let tries = 0; tries < PATIENCE; tries++) {
    const rows = await reader.read(catalog(), `select count(*) from wit."default".${signal}`).catch(() => [[0]]);
    if (rows[0]![0] === RECORDS[signal]) return;
    await delay(250);
  }
  throw new Error(`the ${signal} never came into files`);
}

async function keysOf(signal: Signal): Promise<{ map: string; key: string }[]> {
  const keys = await Promise.all(
    MAPS.map(async (map) => {
      const { rows } = await ask(node.api, `select distinct unnest(map_keys(${map})) as k from ${signal} order by k`);
      return rows.map(([key]) => ({ map, key: String(key) }));
    }),
  );
  return keys.flat();
}

async function columnsOf(signal: Signal): Promise<Set<string>> {
  const sql = `select column_name from (describe wit."default".${signal})`;
  const names = (await reader.read(catalog(), sql)).map(([name]) => String(name));
  for (const map of MAPS) assert.ok(names.includes(map) && names.includes(typesColumnOf(map)));
  return new Set(names);
}

/** In a file a key is a column or in the map. */
function keyIn(columns: ReadonlySet<string>, map: string, key: string): string {
  const own = `${map}.${key}`;
  return columns.has(own) ? `coalesce("${own}"::varchar, ${map}['${key}'])` : `${map}['${key}']`;
}

function textOf(row: readonly unknown[]): string {
  return JSON.stringify(row);
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OpenWit } from '@openwit/core';
import { SIGNALS, type Signal } from '@openwit/ports';
import { expectedRows } from '../../packages/transport/src/testing/expected-rows.ts';
import type { Row } from '../../packages/transport/src/testing/rows-of.ts';

const GENERATOR = join(import.meta.dirname, '../../bench/workload/generate.mjs');
const REQUESTS = 12;
const RECORDS_PER_REQUEST = 500;
const SEED = 1234;

for (const signal of SIGNALS) {
  test(`every value of the ${signal} workload is what an independent decoder reads, in memory, in files, after a restart`, async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'openwit-workload-'));
    try {
      const requests = workload(signal, join(dataDir, 'workload.bin'));
      const expected = requests.flatMap((payload) => expectedRows(signal, payload)).map(storedRow);
      assert.ok(expected.length >= REQUESTS * RECORDS_PER_REQUEST);
      const wit = await OpenWit.open({ dataDir });
      for (const [i, payload] of requests.entries()) {
        await wit.ingest({ tenant: 'default', signal, payload });
        if (i === REQUESTS / 2) await wit.flush();
      }
      await compare(wit, signal, expected, 'half in files, half in memory');
      await wit.flush();
      await compare(wit, signal, expected, 'in files');
      await wit.close();
      const again = await OpenWit.open({ dataDir });
      await compare(again, signal, expected, 'after a restart');
      await again.close();
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
}

async function compare(wit: OpenWit, signal: Signal, expected: readonly Row[], when: string): Promise<void> {
  const result = await wit.query(`select * from ${signal}`, { maxRows: expected.length + 1 });
  const rows = (await result.rows()).map(textOf).sort();
  const wanted = expected.map(textOf).sort();
  assert.equal(rows.length, wanted.length, when);
  // Row by row: a difference of a whole table cannot be read.
  for (const [i, row] of rows.entries()) assert.equal(row, wanted[i], when);
  await compareSums(wit, signal, expected, when);
}

async function compareSums(wit: OpenWit, signal: Signal, expected: readonly Row[], when: string): Promise<void> {
  const distinct = new Set(expected.map(({ trace_id }) => trace_id)).size;
  const sumOf = (column: string) => expected.reduce((sum, row) => sum + BigInt((row[column] as bigint) ?? 0), 0n);
  if (signal === 'traces') {
    const [row] = await wit.sql`select count(*) as records, count(distinct trace_id) as traces,
      sum(duration_ns)::varchar as duration from traces`;
    const records = BigInt(expected.length);
    assert.deepEqual(row, { records, traces: BigInt(distinct), duration: String(sumOf('duration_ns')) }, when);
  } else if (signal === 'metrics') {
    const [row] = await wit.sql`select sum(count)::varchar as count from metrics`;
    assert.deepEqual(row, { count: String(sumOf('count')) }, when);
  } else {
    const [row] = await wit.sql`select sum(severity_number)::varchar as severity from logs`;
    assert.deepEqual(row, { severity: String(sumOf('severity_number')) }, when);
  }
}

function workload(signal: Signal, file: string): Buffer[] {
  const settings = ['--requests', REQUESTS, '--per-request', RECORDS_PER_REQUEST, '--seed', SEED].map(String);
  execFileSync(process.execPath, [GENERATOR, signal, file, ...settings], { stdio: 'ignore' });
  const bytes = readFileSync(file);
  const requests: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    requests.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return requests;
}

/** A decoded row as SQL shows it: attributes are text, with the types of what is not a string beside them. */
function storedRow(row: Row): Row {
  const stored: Row = {};
  for (const [name, value] of Object.entries(row)) {
    if (Array.isArray(value)) {
      stored[name] = value.map((item) => (isObject(item) ? storedRow(item) : item));
    } else if (isObject(value)) {
      const entries = Object.entries(value as Record<string, { type: string; value: unknown }>);
      stored[name] = Object.fromEntries(entries.map(([key, attribute]) => [key, String(attribute.value)]));
      const typed = entries.filter(([, { type }]) => type !== 'string').map(([key, { type }]) => [key, type]);
      if (name.endsWith('attributes'))
        stored[name.replace(/attributes$/, 'attribute_types')] = Object.fromEntries(typed);
    } else {
      stored[name] = value;
    }
  }
  return stored;
}

function isObject(value: unknown): value is Row {
  return typeof value === 'object' && value !== null;
}

/** Equal text for equal rows, whatever the order of columns and keys. */
function textOf(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `[${value.map(textOf).join()}]`;
  if (!isObject(value)) return Object.is(value, -0) ? '-0' : JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${key}:${textOf(item)}`).join()}}`;
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { OpenWit } from '@openwit/core';
import { SIGNALS, type Signal } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { pythonWith } from '../services/python-packages.ts';
import { oddRequest } from '../support/odd-records.ts';
import { type StoredFile, storedFiles } from '../support/stored-files.ts';
import { until } from '../support/until.ts';
import { workloadRequests } from '../support/workload-requests.ts';

interface Checked {
  readonly path: string;
  readonly rows: number;
  readonly groups: number;
  /** Columns that have bloom filters. */
  readonly filters: number;
  readonly problems: readonly string[];
}

const SCRIPT = join(import.meta.dirname, '../services/parquet_checks.py');
const SORT_BY: Readonly<Record<string, readonly string[]>> = {
  traces: ['service_name', 'timestamp'],
  logs: ['service_name', 'timestamp'],
  metrics: ['metric_name', 'service_name', 'timestamp'],
};
const FROM_NS = 1_780_000_000_000_000_000n;

const python = await pythonWith(['duckdb==1.5.5', 'polars==2.1.0', 'pyarrow==26.0.1', 'xxhash==4.1.0']);
const skip = 'missing' in python ? python.missing : false;
const dataDir = mkdtempSync(join(tmpdir(), 'openwit-files-'));
after(() => rmSync(dataDir, { recursive: true, force: true }));

test('pyarrow, Polars and DuckDB read the same of each active file, and what it says of itself is true', {
  skip,
}, async () => {
  const compaction = { minFiles: 2 ** 31, quietMs: 2 ** 31 - 1 };
  await using wit = await OpenWit.open({ dataDir, storage: { compaction } });
  const random = new SeededRandom(7);
  for (const signal of SIGNALS) {
    for (const payload of workloadRequests(signal, { requests: 22, perRequest: 1000 }))
      await ingest(wit, signal, payload);
    await wit.flush();
    const keys = {
      'own.int': 'int',
      'own.double': 'double',
      'own.bool': 'bool',
      'own "text"': 'text',
      ключ: 'text',
    } as const;
    const odd = oddRequest(signal, random, { count: 300, fromNs: FROM_NS, keys });
    await ingest(wit, signal, otlpJsonToProtobuf(signal, Buffer.from(odd)));
    await wit.flush();
  }
  const files = storedFiles(dataDir);
  assert.equal(files.length, 2 * SIGNALS.length);
  assert.ok(files.every(({ generation }) => generation === 0));
  checkFiles(files);
});

test('and of each stable file, which has bloom filters and says what it is sorted by', { skip }, async () => {
  const compaction = { quietMs: 1 };
  const wit = await OpenWit.open({ dataDir, storage: { compaction, snapshotRetentionMs: 1 } });
  await until(() => storedFiles(dataDir).every(({ generation }) => generation > 0), 'files were never merged');
  await wit.close();
  const checked = checkFiles(storedFiles(dataDir));
  assert.ok(checked.some(({ groups }) => groups > 1));
  assert.ok(checked.some(({ filters }) => filters > 0));
});

async function ingest(wit: OpenWit, signal: Signal, payload: Uint8Array): Promise<void> {
  await wit.ingest({ tenant: 'default', signal, payload });
}

function checkFiles(files: readonly StoredFile[]): Checked[] {
  const jobs = files.map(({ path, table, generation }) => ({ path, sortBy: SORT_BY[table], isStable: generation > 0 }));
  const options = { input: `${JSON.stringify(jobs)}\n`, encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  const lines = execFileSync((python as { found: string }).found, [SCRIPT], options)
    .trim()
    .split('\n');
  const checked = lines.map((line) => JSON.parse(line) as Checked);
  assert.deepEqual(
    checked.map(({ rows }) => rows),
    files.map(({ rows }) => rows),
  );
  for (const { path, problems } of checked) assert.deepEqual(problems, [], path);
  return checked;
}

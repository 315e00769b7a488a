import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OpenWit, type OpenWitOptions } from '@openwit/core';
import { SIGNALS, type Signal } from '@openwit/ports';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { logRequest, range } from '../support/log-request.ts';
import { filesOnDisk, storedFiles } from '../support/stored-files.ts';
import { until } from '../support/until.ts';

const NEVER_MS = 2 ** 31 - 1;
const UNMERGED = { compaction: { minFiles: 2 ** 31, quietMs: NEVER_MS }, snapshotRetentionMs: NEVER_MS };
const MERGED = { compaction: { minFiles: 2, quietMs: 1 }, snapshotRetentionMs: 1 };
const ADDED = 30;

/** A row with each of its columns as text. */
type Row = Readonly<Record<string, string | null>>;
interface Table {
  readonly tenant: string;
  readonly signal: Signal;
  readonly rows: readonly Row[];
}

const versions = readdirSync(import.meta.dirname, { withFileTypes: true }).filter((entry) => entry.isDirectory());

for (const { name } of versions) {
  const tables = tablesOf(name);

  test(`a store of catalog ${name} has the rows that it had, also those in its log`, async (t) => {
    const dataDir = copyOf(t, name);
    const files = storedFilesOf(dataDir);
    await using wit = await open(dataDir, UNMERGED);
    await hasRows(wit, tables);
    await wit.flush();
    await hasRows(wit, tables);
    assert.ok(storedFilesOf(dataDir).length > files.length, 'what was in the log is in files now');
  });

  test(`a store of catalog ${name} takes more, is merged, and has all its rows`, async (t) => {
    const dataDir = copyOf(t, name);
    const replaced = name === 'v1' ? [] : storedFiles(dataDir).filter(({ isLive }) => !isLive);
    assert.ok(replaced.every(({ path }) => existsSync(path)));
    assert.equal(replaced.length > 0, name !== 'v1', 'files of older snapshots');
    const wit = await open(dataDir, UNMERGED);
    for (const tenant of ['default', 'Acme-2', 'new']) {
      const payload = otlpJsonToProtobuf('logs', Buffer.from(logRequest(range(0, ADDED))));
      await wit.ingest({ tenant, signal: 'logs', payload });
    }
    await wit.close();
    await using again = await open(dataDir, MERGED);
    const isMerged = () => storedFiles(dataDir).every(({ isLive, generation }) => isLive && generation > 0);
    await until(isMerged, 'files were never merged, or old ones stay');
    await until(() => filesOnDisk(dataDir).length === storedFiles(dataDir).length, 'files of no snapshot stay');
    assert.ok(replaced.every(({ path }) => !existsSync(path)));
    await hasRows(again, tables, "service_name <> 'numbers'");
    for (const tenant of ['default', 'Acme-2', 'new']) {
      const result = await again.query("select count(*) as n from logs where service_name = 'numbers'", { tenant });
      assert.deepEqual(await result.rows(), [{ n: BigInt(ADDED) }], tenant);
    }
  });
}

function tablesOf(version: string): Table[] {
  const folder = join(import.meta.dirname, version);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.ndjson'))
    .map((name) => {
      const [tenant, signal] = name.split('.') as [string, Signal];
      const lines = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
      return { tenant, signal, rows: lines.map((line) => JSON.parse(line) as Row) };
    });
}

/** The rows of each table are these and no others, by the columns that they had then. */
async function hasRows(wit: OpenWit, tables: readonly Table[], where = 'true'): Promise<void> {
  assert.deepEqual([...new Set(tables.map(({ signal }) => signal))].toSorted(), [...SIGNALS].toSorted());
  for (const { tenant, signal, rows } of tables) {
    const texts = Object.keys(rows[0]!).map((name) => `"${name}"::varchar as "${name}"`);
    const result = await wit.query(`select ${texts.join(', ')} from ${signal} where ${where}`, { tenant });
    const found = (await result.rows()) as Row[];
    assert.deepEqual(found.map(textOf).sort(), rows.map(textOf).sort(), `${tenant} ${signal}`);
  }
}

function textOf(row: Row): string {
  return JSON.stringify(row);
}

function open(dataDir: string, storage: OpenWitOptions['storage'] & object): Promise<OpenWit> {
  return OpenWit.open({ dataDir, storage });
}

function copyOf(t: TestContext, version: string): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'openwit-golden-'));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  cpSync(join(import.meta.dirname, version, 'store'), dataDir, { recursive: true });
  return dataDir;
}

function storedFilesOf(dataDir: string): string[] {
  return filesOnDisk(dataDir).filter((path) => path.endsWith('.parquet'));
}

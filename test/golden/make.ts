// node test/golden/make.ts FOLDER: writes a store as a node leaves it that is killed, with what its SQL answered, into FOLDER. Run by
// hand with the code of a version whose store is to be read by all later ones; what was committed is never made again. The store of
// v1 was written by this file in the tree of commit cc9de33, which could not merge.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { OpenWit, type OpenWitOptions } from '@openwit/core';
import { SIGNALS, type Signal } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { oddRequest } from '../support/odd-records.ts';
import { workloadRequests } from '../support/workload-requests.ts';

const FROM_NS = 1_790_000_000_000_000_000n;
const HOUR_NS = 3600n * 1_000_000_000n;
const RECORDS = 9;
const PATIENCE = 300;
/** The records of the last one have the same keys: its files are merged by their leaves, the others by SQL. */
const TENANTS = ['default', 'Acme-2', 'Alike-3'];
const ALIKE = { requests: 2, perRequest: 20 };
/** Without a file for a while: only what is merged by its number. */
const MERGING = { compaction: { minFiles: 2, quietMs: 2 ** 31 - 1 }, snapshotRetentionMs: 2 ** 31 - 1 };
const KEPT = ['catalog.sqlite', 'wal', 'parquet'];

const [folder, dataDir] = process.argv.slice(2);
if (dataDir === undefined) make(folder!);
else await write(folder!, dataDir);

/** The node runs in a process of its own, which ends as if its machine had. */
function make(target: string): void {
  const place = mkdtempSync(join(tmpdir(), 'openwit-golden-'));
  rmSync(target, { recursive: true, force: true });
  mkdirSync(join(target, 'store'), { recursive: true });
  const { signal } = spawnSync(process.execPath, [import.meta.filename, target, place], { stdio: 'inherit' });
  if (signal !== 'SIGKILL') throw new Error('the node was not killed');
  // What SQLite keeps beside its file goes into it.
  const catalog = new DatabaseSync(join(place, 'catalog.sqlite'));
  catalog.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  catalog.close();
  for (const name of KEPT) cpSync(join(place, name), join(target, 'store', name), { recursive: true });
  rmSync(place, { recursive: true });
}

async function write(target: string, place: string): Promise<void> {
  const random = new SeededRandom(17);
  const storage = process.env.OPENWIT_GOLDEN_MERGES === '0' ? {} : MERGING;
  const wit = await OpenWit.open({ dataDir: place, storage } as OpenWitOptions);
  const send = async (
    tenant: string,
    signal: Signal,
    keys: Parameters<typeof oddRequest>[2]['keys'],
    hours: bigint,
  ) => {
    const records = { count: RECORDS, fromNs: FROM_NS + hours * HOUR_NS, ...(keys && { keys }) };
    const json = Buffer.from(oddRequest(signal, random, records));
    await wit.ingest({ tenant, signal, payload: otlpJsonToProtobuf(signal, json) });
  };
  for (const signal of SIGNALS) {
    await send('default', signal, { early: 'text', mixed: 'int', 'a.double': 'double' }, 0n);
    await wit.flush();
    await send('default', signal, { mixed: 'text', later: 'bool', ключ: 'text' }, 0n);
    await wit.flush();
  }
  for (const signal of SIGNALS) {
    for (const payload of workloadRequests(signal, ALIKE)) {
      await wit.ingest({ tenant: TENANTS[2]!, signal, payload });
      await wit.flush();
    }
  }
  await merged(place, storage === MERGING);
  for (const signal of SIGNALS) await send('default', signal, { last: 'int' }, 2n);
  await send('Acme-2', 'logs', { 'http.route': 'text' }, 1n);
  await wit.flush();
  // These stay in the log.
  for (const signal of SIGNALS) await send('default', signal, { last: 'int', logged: 'text' }, 3n);
  await send('Acme-2', 'logs', { 'http.route': 'text' }, 2n);
  for (const tenant of TENANTS) {
    for (const signal of SIGNALS) {
      const columns = (await wit.query(`select * from ${signal} limit 0`)).columns.map(({ name }) => name);
      const texts = columns.map((name) => `"${name}"::varchar as "${name}"`).join(', ');
      const rows = await (await wit.query(`select ${texts} from ${signal} order by all`, { tenant })).rows();
      const lines = rows.map((row) => `${JSON.stringify(row)}\n`);
      if (rows.length > 0) writeFileSync(join(target, `${tenant}.${signal}.ndjson`), lines.join(''));
    }
  }
  process.kill(process.pid, 'SIGKILL');
}

/** Until each table of two tenants has a stable file. */
async function merged(place: string, isWanted: boolean): Promise<void> {
  for (let i = 0; isWanted && i < PATIENCE; i++) {
    const files = readdirSync(join(place, 'parquet'), { recursive: true, withFileTypes: true });
    const stable = files.filter(({ name }) => /^stable-.*parquet$/.test(name));
    if (
      stable.length === 2 * SIGNALS.length &&
      stable.every(({ name, parentPath }) => statSync(join(parentPath, name)).size > 0)
    ) {
      await delay(1000); // the commit of the last one
      return;
    }
    await delay(100);
  }
  if (isWanted) throw new Error('the files were not merged');
}

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OpenWit, type OpenWitOptions } from '@openwit/core';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { randomOf } from '../../packages/index/tantivy-node/src/testing/generate.ts';
import { memoryStore } from '../../packages/storage/src/testing/cold-objects.ts';
import { garbageFileSystem } from '../../packages/storage/src/testing/garbage-file-system.ts';
import { until } from '../support/until.ts';

/** So that there are files with indexes, active ones, and the open batch. */
const BATCH_ROWS = 500;
const ROWS = 8250;
const START_NS = 1_790_000_000_000_000_000n;

const random = randomOf(7);
const below = (limit: number): number => Math.floor(random() * limit);
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;

const WORDS = ['connection', 'timeout', 'retry', 'Über', '東京都', 'user-77', '10.0.3.7', "it's", '100%', 'a_b', ''];

interface Record {
  readonly body: string | null;
  readonly traceId: string;
  readonly severity: string;
  readonly attributes: { readonly [key: string]: string | number | boolean };
}

const records: Record[] = Array.from({ length: ROWS }, (_, i) => ({
  body: random() < 0.05 ? null : Array.from({ length: below(6) }, () => pick(WORDS)).join(' '),
  // A trace has some records, near to each other.
  traceId: (i >> 3).toString(16).padStart(32, '0'),
  severity: pick(['INFO', 'INFO', 'INFO', 'ERROR', 'Warn']),
  attributes: {
    'http.route': `/api/v1/r${below(12)}`,
    'user.id': `user-${below(3000)}`,
    'request.id': (below(2 ** 30) + 2 ** 30).toString(16),
    ...(random() < 0.5 && { tenant: pick(['', 'acme', "o'neil"]) }),
    ...(random() < 0.02 && { rare: `value ${below(9)}` }),
    'status.code': pick([200, 404, 500]),
    'cache.hit': random() < 0.5,
  },
}));

const folder = mkdtempSync(join(tmpdir(), 'openwit-predicates-'));
/** One whose files are on the disk, and one whose files are in a store, and what is not fetched of them is garbage. */
let hot: OpenWit;
let cold: OpenWit;

before(async () => {
  hot = await nodeOf('hot', {});
  cold = await nodeOf('cold', {
    tiers: { cold: memoryStore(), policies: [{ coldAfterMs: 1 }] },
    fileSystem: garbageFileSystem,
  });
  await until(() => cold.usage()[0]!.bytesByTier.cold > 0, 'files are cold');
});
after(async () => {
  await hot.close();
  await cold.close();
  rmSync(folder, { recursive: true });
});

async function nodeOf(name: string, options: Partial<OpenWitOptions>): Promise<OpenWit> {
  const wit = await OpenWit.open({
    dataDir: join(folder, name),
    ingest: { batch: { maxRows: BATCH_ROWS } },
    storage: { compaction: { minFiles: 4, maxFiles: 4 } },
    indexing: { delayMs: 1 },
    ...options,
  });
  for (let at = 0; at < ROWS; at += 250) {
    await wit.ingest({ tenant: 'default', signal: 'logs', payload: request(at, 250) });
  }
  await until(() => wit.stats().store.tables.some(({ indexedFiles }) => indexedFiles >= 2), 'files have indexes');
  return wit;
}

test('generated conditions find by indexes what they find without', async () => {
  let hits = 0;
  let skipped = 0;
  for (let i = 0; i < 150; i++) {
    const condition = Array.from({ length: 1 + below(3) }, conditionOf).join(' AND ');
    // What is in no conjunct of its own no index is asked for.
    const scanned = await ask(hot, `select epoch_ns(timestamp) from logs where (${condition}) is true order by 1`);
    for (const wit of [hot, cold]) {
      const indexed = await ask(wit, `select epoch_ns(timestamp) from logs where ${condition} order by 1`);
      assert.deepEqual(indexed, scanned, condition);
      const counted = await wit.query(`select count(*) as n from logs where ${condition}`);
      assert.equal(Number((await counted.rows())[0]!.n), scanned.length, condition);
      skipped += counted.stats.filesSkipped;
    }
    hits += scanned.length;
  }
  assert.ok(hits > 7_000, `hits=${hits}`);
  assert.ok(skipped > 100, `indexes answered for ${skipped} files`);
});

test('joins, subqueries and expressions over what was found are as without indexes', async () => {
  const route = `attributes['http.route'] = '/api/v1/r3'`;
  const queries = [
    `select severity_text, count(*), min(body) from logs where C group by 1 order by 1`,
    `select * from logs where C order by timestamp limit 20`,
    `select a.body, b.body from logs a join logs b using (timestamp) where a.C and b.severity_text = 'ERROR' order by a.timestamp limit 50`,
    `select count(*), count(b.timestamp) from logs a left join logs b on a.timestamp = b.timestamp and b.C where a.severity_text = 'Warn'`,
    `select count(*) from logs a left join logs b using (timestamp) where b.C`,
    `select count(*) from logs where C and timestamp in (select timestamp from logs where C and severity_text = 'INFO')`,
    `with hits as (select * from logs where C) select count(*), count(distinct body) from hits where severity_text = 'INFO'`,
    `select count(*) from logs where C and body in (select body from logs where attributes['user.id'] = 'user-7')`,
    `select attributes['http.route'] as r, attributes['user.id'] from logs where C and r like '%3' order by timestamp limit 5`,
    `select count(*) from logs l where C and exists (select 1 from logs i where i.timestamp = l.timestamp and i.severity_text = 'ERROR')`,
    `select l from logs l where C order by l.timestamp limit 3`,
    `select count(*) from (select * from logs where C union all select * from logs where C and severity_text = 'ERROR')`,
    `select lower(severity_text) as severity_text, count(*) from logs where C and severity_text = 'ERROR' group by all`,
    `select count(*) filter (where severity_text = 'ERROR'), count(*) from logs where C`,
    `select row_number() over (order by timestamp) from logs where C qualify row_number() over (order by timestamp) < 4`,
  ];
  for (const query of queries) {
    const by = (prefix: string, wrap: (condition: string) => string) =>
      query.replaceAll(
        /\b([a-z]\.)?C\b/g,
        (_, alias = '') => wrap(route.replace('attributes', `${alias}attributes`)) + prefix,
      );
    const scanned = await ask(
      hot,
      by('', (c) => `(${c} is true)`),
    );
    for (const wit of [hot, cold])
      assert.deepEqual(
        await ask(
          wit,
          by('', (c) => c),
        ),
        scanned,
        query,
      );
  }
});

test('parameters are values of conditions, and each is to be given', async () => {
  const count = async (condition: string, params: unknown) => {
    const result = await hot.query(`select count(*) from logs where ${condition}`, { params: params as unknown[] });
    return Number(Object.values((await result.rows())[0]!)[0]);
  };
  const errors = records.filter(({ severity }) => severity === 'ERROR').length;
  assert.equal(await count('severity_text = $1', ['ERROR']), errors);
  assert.equal(await count('$s = severity_text', { s: 'ERROR' }), errors);
  const routes = ['/api/v1/r1', '/api/v1/r2', 'none'];
  const ofRoutes = records.filter(({ attributes }) => routes.includes(String(attributes['http.route']))).length;
  assert.equal(await count(`attributes['http.route'] in $1`, [routes]), ofRoutes);
  assert.equal(await count(`attributes['http.route'] in (?, ?, ?)`, routes), ofRoutes);
  const numbers = records.filter(({ attributes }) => attributes['status.code'] === 404).length;
  assert.equal(await count(`attributes['status.code'] = $1`, ['404']), numbers);
  assert.equal(await count(`attributes['status.code'] = 404`, []), numbers);
  await assert.rejects(count('severity_text = $1', ['ERROR', 'x']), { code: 'QUERY_INVALID' });
  await assert.rejects(count('severity_text = $1', []), { code: 'QUERY_INVALID' });
});

async function ask(wit: OpenWit, sql: string): Promise<unknown[]> {
  const rows = await (await wit.query(sql)).rows();
  return rows.map((row) => Object.values(row).map((value) => JSON.stringify(value, stringOf)));
}

function stringOf(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value instanceof Map ? [...value] : value;
}

function conditionOf(): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
  const record = pick(records);
  const { attributes } = record;
  const key = pick(['http.route', 'user.id', 'request.id', 'tenant', 'rare', 'status.code', 'cache.hit', 'none']);
  const value = random() < 0.1 ? 'nothing' : String(attributes[key] ?? pick(['', 'x']));
  const body = record.body ?? '';
  const piece = body.slice(below(body.length + 1)).slice(0, 1 + below(9));
  const isLikely = [
    `attributes['${key}'] = ${quoted(value)}`,
    `${quoted(value)} = attributes['${key}']`,
    `attributes['${key}'] in (${[value, 'x', `user-${below(3000)}`].map(quoted).join(', ')})`,
    `severity_text = ${quoted(pick(['INFO', 'ERROR', 'error', '']))}`,
    `severity_text in ('ERROR', 'Warn')`,
    `trace_id = '${record.traceId}'`,
    `trace_id in ('${record.traceId}', '${pick(records).traceId}', 'x')`,
    `body like ${quoted(`%${piece.replaceAll(/[%_]/g, '_')}%`)}`,
    `body like ${quoted(`${body.slice(0, 5)}%`)}`,
    `body like '%100!%%' escape '!'`,
    `contains(body, ${quoted(piece)})`,
    `starts_with(body, ${quoted(body.slice(0, 4))})`,
    `suffix(body, ${quoted(body.slice(-4))})`,
    `body = ${quoted(body)}`,
    `contains(attributes['http.route'], 'r1')`,
    `attributes['http.route'] like '%/r1_'`,
    `service_name = 'service-1'`,
    `body not like '%timeout%'`,
    `attributes['status.code']::int >= 404`,
    `attributes['user.id'] is not null`,
    `timestamp < '2026-09-21T14:13:20.000004Z'`,
  ];
  return pick(isLikely);
}

function request(from: number, count: number): Uint8Array {
  const logRecords = records.slice(from, from + count).map(({ body, traceId, severity, attributes }, i) => ({
    timeUnixNano: String(START_NS + BigInt(from + i)),
    traceId,
    ...(body !== null && { body: { stringValue: body } }),
    severityText: severity,
    attributes: Object.entries(attributes).map(([key, value]) => ({
      key,
      value:
        typeof value === 'string'
          ? { stringValue: value }
          : typeof value === 'number'
            ? { intValue: String(value) }
            : { boolValue: value },
    })),
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: `service-${(from / 250) % 3}` } }] };
  const body = { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] };
  return otlpJsonToProtobuf('logs', Buffer.from(JSON.stringify(body)));
}

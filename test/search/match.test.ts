import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OpenWit } from '@openwit/core';
import { parseSearch } from '@openwit/index';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { matches, type Row } from '../../packages/index/tantivy-node/src/testing/evaluate.ts';
import { randomOf, text } from '../../packages/index/tantivy-node/src/testing/generate.ts';
import { needsAddon } from '../../packages/index/tantivy-node/src/testing/needs-addon.ts';
import { until } from '../support/until.ts';

/** A batch each, so that there are files with indexes, active ones, and the open batch. */
const BATCH_ROWS = 100;
const ROWS = 1050;
const ANALYSERS = { body: 'log', 'attributes.user.id': 'log', 'attributes.rare': 'log', severity_text: 'log' } as const;

const folder = mkdtempSync(join(tmpdir(), 'openwit-match-'));
const random = randomOf(20);
const rows: Row[] = Array.from({ length: ROWS }, (_, i) => ({
  // The time tells a record from the others.
  body: random() < 0.03 ? null : text(random).replaceAll('\0', ' '),
  'attributes.user.id': random() < 0.2 ? null : `user-${Math.floor(random() * 50)}`,
  'attributes.rare': i % 97 === 0 ? `Rare value ${i}` : null,
  severity_text: i % 3 === 0 ? 'ERROR' : 'INFO',
}));
let wit: OpenWit;

before(async () => {
  const ingest = { batch: { maxRows: BATCH_ROWS } };
  wit = await OpenWit.open({
    dataDir: folder,
    ingest,
    storage: { compaction: { minFiles: 4, maxFiles: 4 } },
    // One of the fields is in the index, the others are not.
    indexing: { delayMs: 1, rules: [{ text: ['body', 'attributes.user.id'] }] },
  });
  for (let at = 0; at < ROWS; at += 50)
    await wit.ingest({ tenant: 'default', signal: 'logs', payload: request(at, 50) });
  await until(() => wit.stats().store.tables.some((table) => table.indexedFiles >= 2), 'files have indexes');
});
after(async () => {
  await wit.close();
  rmSync(folder, { recursive: true });
});

async function found(condition: string, params: readonly unknown[] = []): Promise<number[]> {
  const sql = `select epoch_ns(timestamp) as at from logs l where ${condition} order by 1`;
  const result = await (await wit.query(sql, { params })).rows();
  return result.map(({ at }) => Number(BigInt(String(at)) - START_NS));
}

test('generated searches find in memory and in files what rows have', needsAddon, async () => {
  let hits = 0;
  for (let i = 0; i < 300; i++) {
    const search = searchOf();
    const query = parseSearch(search, 'body', (name) => (name === 'severity_text' ? name : `attributes.${name}`));
    const wanted = rows.flatMap((row, n) => (matches(query, row, ANALYSERS) ? [n] : []));
    hits += wanted.length;
    assert.deepEqual(await found('match(body, $1)', [search]), wanted, search);
  }
  assert.ok(hits > 10_000, `hits=${hits}`);
});

test('a match stands wherever a condition does', needsAddon, async () => {
  const errors = rows.flatMap((row, n) =>
    matches({ kind: 'text', field: 'body', text: 'error' }, row, ANALYSERS) ? [n] : [],
  );
  assert.deepEqual(await found(`match(body, 'error')`), errors);
  assert.deepEqual(
    await found(`MATCH(l.body, 'error') AND severity_text = 'ERROR'`),
    errors.filter((n) => n % 3 === 0),
  );
  assert.deepEqual(
    await found(`NOT match(body, 'error')`),
    rows.flatMap((_, n) => (errors.includes(n) ? [] : [n])),
  );
  assert.deepEqual(
    await found(`match(attributes['rare'], '"rare value"')`),
    rows.flatMap((_, n) => (n % 97 === 0 ? [n] : [])),
  );
  assert.deepEqual(await found(`match(lower(body), 'error')`), errors);
  const [{ n }] = (await wit.sql`select count(*) filter (where match(body, 'error')) as n from logs`) as [
    { n: bigint },
  ];
  assert.equal(Number(n), errors.length);
  const named = await wit.query(`select match(body, 'error'), match(body, 'error') as hit from logs limit 1`);
  assert.deepEqual(
    named.columns.map(({ name }) => name),
    [`"match"(body, 'error')`, 'hit'],
  );
  const joined = `select count(*) as n from logs a join logs b using (timestamp) where match(a.body, 'error user.id:user*') and match(b.body, 'error')`;
  const [{ n: both }] = (await (await wit.query(joined)).rows()) as [{ n: bigint }];
  assert.equal(Number(both), errors.filter((row) => rows[row]!['attributes.user.id'] !== null).length);
});

test('a row that an outer join makes of nothing has no words', needsAddon, async () => {
  const count = async (condition: string) => {
    const sql = `select count(*) as n from logs a left join logs b on a.timestamp = b.timestamp and b.severity_text = 'ERROR' where ${condition}`;
    return Number((await (await wit.query(sql)).rows())[0]!.n);
  };
  for (const search of ['-error', 'error', '-error -lock', 'error OR -error']) {
    assert.equal(await count(`match(b.body, '${search}')`), await count(`match(b.body, '${search}') is true`), search);
  }
});

test('a wrong search says what is wrong and where', needsAddon, async () => {
  const wrong = (condition: string, message: RegExp, code = 'QUERY_INVALID', params: unknown[] = []) =>
    assert.rejects(found(condition, params), { code, message });
  await wrong(`match(body, 'a OR')`, /a term is missing, in the search at 4/);
  await wrong(`match(body, '---')`, /there is no word in a term/);
  await wrong(`match(body, '~"("')`, /no regular expression/);
  await wrong(`match(body, '~"(?:(?:a{1,100}){1,100}){1,100}"')`, /too complex/, 'QUERY_LIMIT');
  await wrong(`match(body, $1)`, /too many terms/, 'QUERY_LIMIT', ['a '.repeat(300)]);
  await wrong(`match(body, lower('A'))`, /must be a text, or a parameter that is one/);
  await wrong(`match(body, $1)`, /must be a text/, 'QUERY_INVALID', [7]);
  await wrong(`match(body)`, /match takes a column and a search/);
  await wrong(`match(lower(body), 'user.id:x')`, /cannot name other fields/);
  await wrong(`openwit_match('x', 'y', body)`, /function is not allowed/, 'QUERY_FORBIDDEN');
  const sql = `select 1 from logs where severity_text = 'é' and match(body, 'a OR')`;
  await assert.rejects(wit.query(sql), { details: { position: sql.indexOf(`'a OR'`) } });
});

test('records that a search finds can be deleted', needsAddon, async () => {
  const victims = await found(`match(body, 'deadlock')`);
  assert.ok(victims.length > 10);
  const removed = await wit.deleteRecords({ signal: 'logs', where: `match(body, 'deadlock')` });
  assert.equal(removed, victims.length);
  assert.deepEqual(await found(`match(body, 'deadlock')`), []);
  assert.equal((await found('true')).length, ROWS - victims.length);
});

const START_NS = 1_790_000_000_000_000_000n;

function request(from: number, count: number): Uint8Array {
  const logRecords = rows.slice(from, from + count).map((row, i) => ({
    timeUnixNano: String(START_NS + BigInt(from + i)),
    ...(row.body !== null && { body: { stringValue: row.body } }),
    severityText: row.severity_text,
    attributes: ['user.id', 'rare'].flatMap((key) => {
      const value = row[`attributes.${key}`];
      return value === null ? [] : [{ key, value: { stringValue: value } }];
    }),
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: `service-${from % 3}` } }] };
  return otlpJsonToProtobuf(
    'logs',
    Buffer.from(JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] })),
  );
}

/** Of what lines have, and of what they may have. */
function searchOf(): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const term = (): string => {
    const words = (pick(rows).body ?? '').match(/[\p{L}\p{M}\p{N}]+/gu) ?? ['lock'];
    const word = pick(words);
    switch (Math.floor(random() * 9)) {
      case 0:
        return `${word.slice(0, 2)}*`;
      case 1:
        return `"${words.slice(0, 2).join(' ')}"`;
      case 2:
        return `${word}~`;
      case 3:
        return `*${word.slice(1) || word}`;
      case 4:
        return `user.id:${pick(['user-7', 'user*', 'user', '"user 7"'])}`;
      case 5:
        return pick(['rare:value', 'severity_text:error', 'nothing:x']);
      default:
        return word;
    }
  };
  const group = (depth: number): string => {
    const kind = random();
    if (depth > 2 || kind < 0.4) return term();
    if (kind < 0.55) return `${group(depth + 1)} ${group(depth + 1)}`;
    if (kind < 0.7) return `(${group(depth + 1)} OR ${group(depth + 1)})`;
    if (kind < 0.85) return `-${term()}`;
    return `${group(depth + 1)} AND NOT ${term()}`;
  };
  return group(0);
}

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OpenWit } from '@openwit/core';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { needsAddon } from '../../packages/index/tantivy-node/src/testing/needs-addon.ts';
import { until } from '../support/until.ts';

const BODIES = ['東京都の天気は晴れ', '京都の天気', 'weather in Tokyo', 'user-77 10.0.3.7'];
const TITLES = ['GET /a', 'get /a', 'GET /a b', 'none'];
const ROUNDS = 9;

const folder = mkdtempSync(join(tmpdir(), 'openwit-analysers-'));
let wit: OpenWit;

before(async () => {
  wit = await OpenWit.open({
    dataDir: folder,
    ingest: { batch: { maxRows: BODIES.length } },
    storage: { compaction: { minFiles: 2, maxFiles: 2 } },
    indexing: {
      delayMs: 1,
      rules: [
        {
          tenant: 'acme',
          table: 'logs',
          text: [
            { column: 'body', analyser: 'cjk' },
            { column: 'attributes.title', analyser: 'raw' },
          ],
        },
      ],
    },
  });
  for (const tenant of ['acme', 'other']) {
    for (let i = 0; i < ROUNDS; i++) await wit.ingest({ tenant, signal: 'logs', payload: request(i) });
  }
  await until(() => wit.stats().store.tables.every(({ indexedFiles }) => indexedFiles > 0), 'files have indexes');
});
after(async () => {
  await wit.close();
  rmSync(folder, { recursive: true });
});

async function bodies(tenant: string, condition: string): Promise<string[]> {
  const result = await wit.query(`select body, count(*) as n from logs where ${condition} group by 1 order by 1`, {
    tenant,
  });
  return (await result.rows()).map(({ body, n }) => {
    assert.equal(Number(n), ROUNDS, 'in memory and in files, with an index and without');
    return String(body);
  });
}

test('each column is searched by its analyser, whatever state its file is in', needsAddon, async () => {
  assert.deepEqual(await bodies('acme', `match(body, '京都')`), ['京都の天気', '東京都の天気は晴れ']);
  assert.deepEqual(await bodies('acme', `match(body, '天気')`), ['京都の天気', '東京都の天気は晴れ']);
  assert.deepEqual(await bodies('acme', `match(body, 'tokyo')`), ['weather in Tokyo']);
  assert.deepEqual(await bodies('acme', `match(body, '10.0.3.7')`), ['user-77 10.0.3.7']);
  assert.deepEqual(await bodies('acme', `match(attributes['title'], '"GET /a"')`), [BODIES[0]]);
  assert.deepEqual(await bodies('acme', `match(body, 'title:"get /a"')`), [BODIES[1]]);
});

test('another tenant has the analysers that it has', needsAddon, async () => {
  assert.deepEqual(await bodies('other', `match(body, '天気')`), []);
  assert.deepEqual(await bodies('other', `match(body, '京都の天気')`), ['京都の天気']);
  assert.deepEqual(await bodies('other', `match(attributes['title'], '"GET /a"')`), BODIES.slice(0, 3).toSorted());
});

test('EXPLAIN tells what indexes leave to be read', needsAddon, async () => {
  const explain = async (query: string) => {
    const rows = await (await wit.query(`EXPLAIN ${query}`, { tenant: 'acme' })).rows();
    return new Map(rows.map(({ step, files, rows: count }) => [step, [Number(files), Number(count)]]));
  };
  const { files, indexedFiles } = wit.stats().store.tables.find(({ tenant }) => tenant === 'acme')!;
  const counted = await explain(`select count(*) from logs where match(body, '京都')`);
  assert.equal(counted.get('in files')![0], files);
  assert.equal(counted.get('counted by index')![0], indexedFiles);
  assert.equal(counted.get('read whole')?.[0] ?? 0, files - indexedFiles);
  const read = await explain(`select * from logs where match(body, '京都')`);
  assert.deepEqual(read.get('rows read by index'), counted.get('counted by index'));
  const none = await explain(`select * from logs where match(body, 'nowhere')`);
  assert.equal(none.get('dropped by full-text index')![0], indexedFiles);
  const value = await explain(`select * from logs where attributes['title'] = 'nothing'`);
  assert.equal(value.get('dropped by bitmap')![0], indexedFiles);
  const late = await explain(`select * from logs where timestamp > now() + interval 10 years`);
  assert.equal(late.get('dropped by time')![0], files);
  await assert.rejects(wit.query('explain analyze select 1'), { code: 'QUERY_FORBIDDEN' });
  await assert.rejects(wit.query('explain delete from logs'), { code: 'QUERY_FORBIDDEN' });
  const wrong = 'explain select nothing from logs';
  await assert.rejects(wit.query(wrong), { code: 'QUERY_INVALID', details: { position: wrong.indexOf('nothing') } });
});

function request(round: number): Uint8Array {
  const logRecords = BODIES.map((body, i) => ({
    timeUnixNano: String(1_790_000_000_000_000_000n + BigInt(round * BODIES.length + i)),
    body: { stringValue: body },
    attributes: [{ key: 'title', value: { stringValue: TITLES[i] } }],
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'a' } }] };
  return otlpJsonToProtobuf(
    'logs',
    Buffer.from(JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] })),
  );
}

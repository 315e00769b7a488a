import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { SIGNALS, TABLES } from '@openwit/ports';
import { Database } from '../engine/database.ts';
import type { FromWorker, QueryRequest } from '../engine/protocol.ts';
import { QueryRun } from '../engine/query-run.ts';
import { resolveSettings } from '../engine/settings.ts';
import { tableInputs } from '../engine/table-inputs.ts';
import { QueryEngine } from '../query-engine.ts';
import { arrowBatch, arrowSchema } from '../results/arrow-batch.ts';
import { rowObjects } from '../results/row-values.ts';
import { memoryBatch, type TestRow } from '../testing/column-builders.ts';
import { TestFiles } from '../testing/data-files.ts';
import { rowsOf } from '../testing/rows-of.ts';
import { TestSource } from '../testing/test-source.ts';
import { doubleText } from './double-text.ts';

/** Lengths around the 12 bytes that DuckDB's entry holds, in bytes and in characters. */
const TEXTS = [
  '',
  'a',
  'x'.repeat(11),
  'x'.repeat(12),
  'x'.repeat(13),
  'é'.repeat(6),
  'é'.repeat(7),
  '🦆🦆🦆',
  '🦆🦆🦆🦆',
  'long '.repeat(1000),
];

/** A row that uses every column of its table, nulls among them. */
function row(i: number): TestRow {
  const text = TEXTS[i % TEXTS.length]!;
  const attributes = {
    s: text,
    i: BigInt(i) - 50n,
    d: i / 3,
    b: i % 2 === 0,
    l: [i],
    m: { k: i },
    e: null,
    y: new Uint8Array([i % 256]),
  };
  const perhaps = <T>(value: T) => (i % 3 === 0 ? null : value);
  const shared = {
    timestamp: BigInt(i) * 1_000_000_007n,
    trace_id: perhaps(`${i}`.padStart(32, '0')) ?? '0'.repeat(32),
    span_id: `${i}`.padStart(16, '0'),
    flags: i,
    service_name: `service ${text.slice(0, 20)} ${i % 3}`,
    scope_name: text.slice(0, 30),
    scope_version: '1',
    scope_attributes: i % 2 ? { scope: 1n, [`k${i % 4}`]: text } : {},
    scope_schema_url: '',
    attributes: i % 7 === 0 ? {} : attributes,
    resource_attributes: { 'service.name': `s${i % 3}`, n: BigInt(i % 3) },
    resource_schema_url: 'https://opentelemetry.io/schemas/1.4.0',
    dropped_attributes_count: 4_000_000_000,
  };
  return {
    ...shared,
    // traces
    duration_ns: 2n ** 60n + BigInt(i),
    parent_span_id: perhaps('parent'),
    trace_state: text,
    span_name: text,
    span_kind: ['SERVER', 'CLIENT', 'INTERNAL_AND_LONG'][i % 3],
    status_code: 'OK',
    status_message: text,
    events: Array.from({ length: i % 4 }, (_, k) => ({
      timestamp: BigInt(k),
      name: text,
      attributes: k % 2 ? attributes : {},
      dropped_attributes_count: k,
    })),
    links: Array.from({ length: i % 2 }, () => ({
      trace_id: 'a'.repeat(32),
      span_id: 'b'.repeat(16),
      trace_state: '',
      attributes,
      dropped_attributes_count: 0,
      flags: 1,
    })),
    dropped_events_count: 1,
    dropped_links_count: 2,
    // logs
    observed_timestamp: perhaps(BigInt(i)),
    severity_number: -i,
    severity_text: 'INFO',
    event_name: text,
    body: perhaps(text),
    body_type: 'string',
    // metrics
    start_timestamp: perhaps(5n),
    metric_name: `metric.${i % 5}`,
    description: text,
    unit: 'ms',
    type: 'sum',
    temporality: i % 5 === 0 ? null : 'delta',
    is_monotonic: i % 5 === 1 ? null : i % 5 === 2,
    value: perhaps(i / 7),
    value_int: perhaps(-(2n ** 63n) + BigInt(i)),
    count: perhaps(2n ** 64n - 1n),
    sum: perhaps(1e300),
    min: perhaps(-0.5),
    max: perhaps(0.5),
    bucket_counts: Array.from({ length: i % 5 }, (_, k) => 2n ** 63n + BigInt(k)),
    explicit_bounds: Array.from({ length: i % 5 }, (_, k) => k / 2),
    scale: perhaps(-3),
    zero_count: perhaps(1n),
    zero_threshold: perhaps(0.25),
    positive_offset: perhaps(1),
    positive_counts: [1n],
    negative_offset: perhaps(-1),
    negative_counts: [],
    quantiles: [{ quantile: 0.5, value: i }],
    exemplars: Array.from({ length: i % 6 }, (_, k) => ({
      timestamp: 1n,
      value: k,
      value_int: k % 2 ? BigInt(k) : null,
      trace_id: k % 3 ? 'c'.repeat(32) : null,
      span_id: null,
      attributes: { k: BigInt(k) },
    })),
    metric_metadata: { about: text },
  };
}

const ROWS = 5000; // more than two chunks, and children beyond one
const files = new TestFiles();

describe('memory', () => {
  const source = new TestSource();
  let engine: QueryEngine;
  before(() => {
    engine = new QueryEngine({ source });
  });
  after(async () => {
    await engine.close();
    files.remove();
  });

  for (const table of SIGNALS) {
    it(`gives each value of ${table} as a file does`, async () => {
      const rows = Array.from({ length: ROWS }, (_, i) => row(i));
      const batches = [
        memoryBatch(table, rows.slice(0, 2100)),
        memoryBatch(table, []),
        memoryBatch(table, rows.slice(2100)),
      ];
      const sql = `select * from ${table} order by timestamp`;
      source.tenants.set('default', { [table]: { batches } });
      const fromMemory = await (await engine.query(sql)).rows();
      source.tenants.set('default', { [table]: { files: [await files.write(table, rows)] } });
      const fromFile = await (await engine.query(sql)).rows();
      assert.equal(fromMemory.length, ROWS);
      for (const { name } of TABLES[table]) {
        const [a, b] = [fromMemory, fromFile].map((result) => result.map((values) => values[name]));
        assert.deepEqual(a, b, name);
      }
      assert.deepEqual(fromMemory, fromFile);
    });
  }

  it('can be read several times in one query', async () => {
    source.tenants.set('default', {
      logs: {
        batches: [
          memoryBatch(
            'logs',
            Array.from({ length: 3000 }, (_, i) => row(i)),
          ),
        ],
      },
    });
    const sql =
      'select count(*), sum(a.flags), count(distinct b.event_name) from logs a join logs b using (timestamp) where a.span_id in (select span_id from logs)';
    assert.deepEqual(await rowsOf(engine, sql), [[3000n, 4_498_500n, BigInt(TEXTS.length)]]);
  });

  it('is copied into shared buffers once when it is not shared', async () => {
    const { batch } = memoryBatch('logs', [row(1)]);
    const inputs = () =>
      tableInputs({
        tables: new Map([['logs', { batches: [{ batchId: 1, batch }], files: [], attributeColumns: [] }]]),
        release() {},
      });
    assert.equal(inputs().logs!.batches[0], inputs().logs!.batches[0]);
  });

  it('gives the same without the layout of strings', async () => {
    const rows = Array.from({ length: 100 }, (_, i) => row(i));
    const sql = "select *, attributes['s'], attributes['d'] from traces order by timestamp";
    const answers = await Promise.all([undefined, async () => false].map((prove) => direct(rows, sql, prove)));
    assert.deepEqual(answers[0], answers[1]);
    assert.equal(answers[0]!.length, 100);
  });
});

/** A query without the worker, so that the proof of the layout can be replaced. */
async function direct(
  rows: readonly TestRow[],
  sql: string,
  prove?: () => Promise<boolean>,
): Promise<Record<string, unknown>[]> {
  const database = await Database.open(resolveSettings({}), prove);
  assert.equal(database.stringsByLayout, prove === undefined);
  const snapshot = new TestSource({ traces: { batches: [memoryBatch('traces', rows)] } }).snapshot('default', [
    'traces',
  ]);
  const request: QueryRequest = {
    id: 1,
    tenant: 'default',
    sql,
    parameters: {},
    tables: tableInputs(snapshot),
    nowMs: 0,
    maxRows: 1e6,
    maxResultBytes: 1e9,
  };
  const messages: FromWorker[] = [];
  await new QueryRun(database, request, (message) => messages.push(message)).run();
  database.close();
  const schema = messages.find((message) => message.kind === 'schema');
  assert.ok(schema, JSON.stringify(messages));
  const arrow = arrowSchema(schema.columns, schema.types);
  return messages.flatMap((message) =>
    message.kind === 'batch' ? [...rowObjects(arrowBatch(arrow, message.rows, message.columns))] : [],
  );
}

describe('doubleText', () => {
  it('is what DuckDB casts a double to', async () => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const doubles = new Float64Array(20_000);
    const words = new Uint32Array(doubles.buffer);
    let seed = 42;
    const random = () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0);
    for (let i = 0; i < doubles.length; i++) {
      if (i % 2 === 0) {
        words[2 * i] = random();
        words[2 * i + 1] = random();
      } else {
        doubles[i] = Math.round((random() / 2 ** 32) * 10 ** (random() % 21)) / 10 ** (random() % 9);
      }
    }
    doubles.set([
      0,
      -0,
      1e15,
      1e16,
      1e17,
      1e-4,
      1e-5,
      5e-324,
      Number.MAX_VALUE,
      Number.NaN,
      Infinity,
      -Infinity,
      1e21,
      2 ** 53 + 1,
    ]);
    const sql = 'select cast(cast(x as double) as varchar) from (select unnest($1::varchar[]) x)';
    const inputs = Array.from(doubles, (value) =>
      Number.isFinite(value) ? (Object.is(value, -0) ? '-0.0' : String(value)) : doubleText(value),
    );
    const { listValue } = await import('@duckdb/node-api');
    const rows = (await connection.runAndReadAll(sql, [listValue(inputs)])).getRows();
    rows.forEach(([text], i) => {
      if (!Number.isNaN(doubles[i])) assert.equal(doubleText(doubles[i]!), text);
    });
    assert.equal(doubleText(Number.NaN), 'nan');
  });
});

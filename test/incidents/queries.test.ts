// What the users of other systems missed in their answers; each a test by the name of its report.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OpenWit, type OpenWitOptions } from '@openwit/core';
import { isOpenWitError, nodeFileSystem } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { logRequest, range } from '../support/log-request.ts';

test('openobserve#8638: on its way from memory to a file a row is seen at every moment, and once', async (t) => {
  const counts: unknown[] = [];
  let beforeStep = async () => {};
  const wit = await open(t, { fileSystem: watched(nodeFileSystem, () => beforeStep()) });
  await ingestLogs(wit, range(0, 500));
  // Asked before every step of the flush, whatever it does: write, sync, rename, commit.
  beforeStep = async () => void counts.push(await count(wit));
  await wit.flush();
  beforeStep = async () => {};
  counts.push(await count(wit));
  assert.ok(counts.length > 5, `the flush had ${counts.length} steps`);
  assert.deepEqual(new Set(counts), new Set([500n]));
});

test('openobserve#12742: a range shows the rows of every smaller range in it, to the nanosecond', async (t) => {
  const wit = await open(t);
  await ingestLogs(wit, range(0, 300)); // one nanosecond apart
  await wit.flush();
  await ingestLogs(wit, range(300, 300));
  const random = new SeededRandom(7);
  for (let i = 0; i < 60; i++) {
    const [from, to] = [random.below(600), random.below(600)].sort((a, b) => a - b) as [number, number];
    const [row] = await wit.sql`select count(*) as n from logs
      where timestamp between make_timestamp_ns(${timeOf(from)}) and make_timestamp_ns(${timeOf(to)})`;
    assert.equal(row!.n, BigInt(to - from + 1), `from ${from} to ${to}`);
  }
});

test('openobserve#1536, #1141: no file goes while a query that planned it runs', async (t) => {
  const dataDir = folder(t);
  const wit = await open(t, { dataDir });
  await ingestLogs(wit, range(0, 2000));
  await wit.flush();
  const result = await wit.query('select body from logs, range(20)', { maxRows: 1_000_000 });
  let rows = 0;
  for await (const batch of result) {
    rows += batch.numRows;
    await ingestLogs(wit, range(2000 + rows, 10));
    await wit.flush(); // new files come and the table's version changes
    assert.ok(existsSync(join(dataDir, 'parquet')));
  }
  assert.equal(rows, 40_000);
});

test('tempo#4967: trace and span ids keep their leading zeros', async (t) => {
  const wit = await open(t);
  const traceId = '00000000000000000000000000000abc';
  const spanId = '000000000000000d';
  const times = { startTimeUnixNano: '1800000000000000000', endTimeUnixNano: '1800000000000000001' };
  await ingestSpans(wit, [{ traceId, spanId, name: 'a', ...times }]);
  const select = 'select trace_id, span_id from traces where trace_id = $1';
  const inMemory = await (await wit.query(select, { params: [traceId] })).rows();
  await wit.flush();
  const inFile = await (await wit.query(select, { params: [traceId] })).rows();
  assert.deepEqual(
    [inMemory, inFile],
    [[{ trace_id: traceId, span_id: spanId }], [{ trace_id: traceId, span_id: spanId }]],
  );
});

test('jaeger#178: a huge trace is a summary first, and its spans come in pages', async (t) => {
  const wit = await open(t);
  const traceId = 'ab'.repeat(16);
  for (let k = 0; k < 30; k++) {
    const spans = range(k * 1000, 1000).map((n) => ({
      traceId,
      spanId: (n + 1).toString(16).padStart(16, '0'),
      name: `step ${n % 7}`,
      startTimeUnixNano: String(1_800_000_000_000_000_000n + BigInt(n)),
      endTimeUnixNano: String(1_800_000_000_000_001_000n + BigInt(n)),
    }));
    await ingestSpans(wit, spans);
  }
  const [summary] = await wit.sql`select count(*) as spans, count(distinct span_name) as names from traces
    where trace_id = ${traceId}`;
  assert.deepEqual(summary, { spans: 30_000n, names: 7n });
  const page =
    await wit.sql`select span_id from traces where trace_id = ${traceId} order by timestamp limit 100 offset 20000`;
  assert.deepEqual([page.length, page[0]!.span_id], [100, (20_001).toString(16).padStart(16, '0')]);
  const whole = wit.query('select * from traces', { maxRows: 1000 }).then((result) => result.rows());
  await assert.rejects(whole, (error) => isOpenWitError(error) && error.code === 'QUERY_LIMIT');
});

test('quickwit#5086: a hostile query ends at its limits, and the next one has its answer', async (t) => {
  const wit = await open(t, { query: { memoryLimitBytes: 64 * 1024 * 1024, timeoutMs: 5000 } });
  await ingestLogs(wit, range(0, 1000));
  const hostile = [
    'select list(a.body || b.body || c.body) from logs a, logs b, logs c',
    'select count(*) from logs a, logs b, logs c, logs d',
    'select repeat(body, 100000000) from logs',
    "select count(*) from logs where regexp_matches(body || repeat('a', 100000), '(a+)+$')",
  ];
  for (const sql of hostile) {
    const error = await wit
      .query(sql)
      .then((result) => result.rows())
      .catch((reason: unknown) => reason);
    if (isOpenWitError(error)) assert.match(error.code, /^QUERY_(LIMIT|TIMEOUT|INVALID)$/, sql);
    assert.equal(await count(wit), 1000n);
  }
});

test('loki#3567: logs join with traces', async (t) => {
  const wit = await open(t);
  const traceId = 'cd'.repeat(16);
  const times = { startTimeUnixNano: '1800000000000000000', endTimeUnixNano: '1800000001000000000' };
  await ingestSpans(wit, [{ traceId, spanId: '01'.repeat(8), name: 'checkout', ...times }]);
  await wit.flush();
  const logRecords = [{ timeUnixNano: '1800000000500000000', traceId, body: { stringValue: 'card declined' } }];
  await ingestJson(wit, 'logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
  const rows = await wit.sql`select span_name, body, (l.timestamp - t.timestamp)::varchar as after
    from logs l join traces t using (trace_id)`;
  assert.deepEqual(rows, [{ span_name: 'checkout', body: 'card declined', after: '00:00:00.5' }]);
});

async function open(t: TestContext, options: Partial<OpenWitOptions> = {}): Promise<OpenWit> {
  const wit = await OpenWit.open({ dataDir: folder(t), ...options });
  t.after(() => wit.close());
  return wit;
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'openwit-incident-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function count(wit: OpenWit): Promise<unknown> {
  const [row] = await wit.sql`select count(*) as n from logs`;
  return row!.n;
}

/** The time that {@link logRequest} gives to a record. */
function timeOf(n: number): bigint {
  return 1_790_000_000_000_000_000n + BigInt(n);
}

function ingestLogs(wit: OpenWit, which: readonly number[]) {
  return ingestJson(wit, 'logs', JSON.parse(logRequest(which)));
}

function ingestSpans(wit: OpenWit, spans: readonly object[]) {
  return ingestJson(wit, 'traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] });
}

function ingestJson(wit: OpenWit, signal: 'logs' | 'traces', request: object) {
  return wit.ingest({
    tenant: 'default',
    signal,
    payload: otlpJsonToProtobuf(signal, Buffer.from(JSON.stringify(request))),
  });
}

/** Calls back before every operation, on the files that are opened too. */
function watched<T extends object>(inner: T, before: () => Promise<void>): T {
  return new Proxy(inner, {
    get: (target, key) => {
      const own: unknown = Reflect.get(target, key);
      if (typeof own !== 'function') return own;
      return async (...args: unknown[]) => {
        await before();
        const result: unknown = await own.apply(target, args);
        return key === 'open' ? watched(result as object, before) : result;
      };
    },
  });
}

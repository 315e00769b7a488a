import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { tableFromIPC } from 'apache-arrow';
import { range, sendLogs } from '../support/log-request.ts';
import { type NodeProcess, startNode } from '../support/node-process.ts';

const ARROW = 'application/vnd.apache.arrow.stream';
const NDJSON = 'application/x-ndjson';
/** Values that a JavaScript number, a float or a millisecond would spoil. */
const EXACT = `select 9223372036854775807 as big, (-9223372036854775808)::bigint as small, 42::bigint as fits,
  18446744073709551615::ubigint as unsigned, 12345678901234567890.123456789::decimal(38,9) as money,
  timestamp_ns '2026-11-24 00:00:00.123456789' as at, 0.1::double + 0.2::double as sum, null as nothing, true as yes,
  'a "b" \\ ü 🦆' as text, [1, null, 3]::bigint[] as list, map {'k': 'v'} as map`;

let dataDir: string;
let node: NodeProcess;
before(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'openwit-api-'));
  node = await startNode(dataDir, { query: { timeoutMs: 2000 } });
  assert.equal(await sendLogs(node.http, range(0, 5000)), 200);
});
after(async () => {
  await node.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

function post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(`${node.api}/api/v1/sql`, { method: 'POST', headers, body: text });
}

async function errorOf(response: Response) {
  const { error } = (await response.json()) as { error: { code: string; message: string; position?: number } };
  return { status: response.status, ...error };
}

test('JSON has columns with types, rows, and every value in full', async () => {
  const response = await post({ sql: EXACT });
  assert.equal(response.headers.get('content-type'), 'application/json');
  const { columns, rows, stats } = (await response.json()) as Record<string, unknown[]>;
  assert.deepEqual(columns!.slice(0, 2), [
    { name: 'big', type: 'BIGINT' },
    { name: 'small', type: 'BIGINT' },
  ]);
  assert.deepEqual(rows, [
    [
      '9223372036854775807',
      '-9223372036854775808',
      42,
      '18446744073709551615',
      '12345678901234567890.123456789',
      '2026-11-24T00:00:00.123456789Z',
      0.30000000000000004,
      null,
      true,
      'a "b" \\ ü 🦆',
      [1, null, 3],
      { k: 'v' },
    ],
  ]);
  assert.equal((stats as unknown as { rows: number }).rows, 1);
});

test('ndjson is one object a line, with the same values', async () => {
  const response = await post({ sql: EXACT }, { accept: NDJSON });
  assert.equal(response.headers.get('content-type'), NDJSON);
  const lines = (await response.text()).split('\n');
  assert.deepEqual([lines.length, lines[1]], [2, '']);
  const json = (await (await post({ sql: EXACT })).json()) as { columns: { name: string }[]; rows: unknown[][] };
  const expected = Object.fromEntries(json.columns.map(({ name }, i) => [name, json.rows[0]![i]]));
  assert.deepEqual(JSON.parse(lines[0]!), expected);
});

test('an Arrow stream has the 64-bit integers and nanoseconds themselves', async () => {
  const response = await post({ sql: EXACT }, { accept: ARROW });
  assert.equal(response.headers.get('content-type'), ARROW);
  const table = tableFromIPC(new Uint8Array(await response.arrayBuffer()));
  const raw = (name: string) => table.getChild(name)!.data[0]!.values[0];
  assert.equal(raw('big'), 9223372036854775807n);
  assert.equal(raw('small'), -9223372036854775808n);
  assert.equal(raw('unsigned'), 18446744073709551615n);
  assert.equal(raw('at'), BigInt(Date.UTC(2026, 10, 24)) * 1_000_000n + 123456789n);
  assert.equal(table.getChild('text')!.get(0), 'a "b" \\ ü 🦆');
  assert.equal(table.getChild('nothing')!.get(0), null);
});

test('all formats have all rows of a result of many batches', async () => {
  const sql = "select attributes['n']::bigint as n, timestamp, body from logs order by n";
  const { rows } = (await (await post({ sql })).json()) as { rows: unknown[][] };
  assert.equal(rows.length, 5000);
  for (const [i, [n, , body]] of rows.entries()) assert.deepEqual([n, body], [i, `record ${i}`]);
  const lines = (await (await post({ sql }, { accept: NDJSON })).text()).trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => Object.values(JSON.parse(line))),
    rows,
  );
  const table = tableFromIPC(new Uint8Array(await (await post({ sql }, { accept: ARROW })).arrayBuffer()));
  assert.deepEqual(
    Array.from(table.getChild('n')!, Number),
    rows.map(([n]) => n),
  );
  assert.deepEqual(
    [...table.getChild('body')!],
    rows.map(([, , body]) => body),
  );
});

test('a result without rows has its columns in every format', async () => {
  const sql = 'select timestamp, body from logs where false';
  const json = (await (await post({ sql })).json()) as { columns: unknown[]; rows: unknown[] };
  assert.deepEqual([json.columns.length, json.rows], [2, []]);
  assert.equal(await (await post({ sql }, { accept: NDJSON })).text(), '');
  const table = tableFromIPC(new Uint8Array(await (await post({ sql }, { accept: ARROW })).arrayBuffer()));
  assert.deepEqual([table.numRows, table.schema.fields.map(({ name }) => name)], [0, ['timestamp', 'body']]);
});

test('parameters stand for values, by position and by name, and lose nothing', async () => {
  const one = await post('{ "sql": "select $1 as a, $2 as b", "params": [9223372036854775807, "x\' or 1=1 --"] }');
  assert.deepEqual(((await one.json()) as { rows: unknown[][] }).rows, [['9223372036854775807', "x' or 1=1 --"]]);
  const sql = 'select count(*) from logs where body = $text';
  const two = await post({ sql, params: { text: 'record 7' } });
  assert.deepEqual(((await two.json()) as { rows: unknown[][] }).rows, [[1]]);
});

test('a tenant has its own tables, and a name that is none is refused', async () => {
  const sql = 'select count(*) from logs';
  const other = await post({ sql }, { 'X-Scope-OrgID': 'other' });
  assert.deepEqual(((await other.json()) as { rows: unknown[][] }).rows, [[0]]);
  const { status, code } = await errorOf(await post({ sql }, { 'X-Scope-OrgID': '../default' }));
  assert.deepEqual([status, code], [400, 'INVALID_TENANT']);
});

for (const [sql, status, code, word] of [
  ['select nothing from logs', 400, 'QUERY_INVALID', 'nothing'],
  ['select * from logs whre body = 1', 400, 'QUERY_INVALID', 'body'],
  ['select count(*) from nowhere', 400, 'QUERY_INVALID', 'nowhere'],
  ["select * from read_csv('/etc/passwd')", 403, 'QUERY_FORBIDDEN', 'read_csv'],
  ["select * from '/etc/passwd'", 403, 'QUERY_FORBIDDEN', "'/etc"],
] as const) {
  test(`${sql} is ${status}, with its position`, async () => {
    const error = await errorOf(await post({ sql }));
    assert.deepEqual([error.status, error.code], [status, code], error.message);
    assert.equal(error.position, sql.indexOf(word), error.message);
  });
}

for (const sql of [
  'drop table logs',
  'select 1; select 2',
  "copy logs to '/tmp/x'",
  'insert into logs select * from logs',
  "attach '/tmp/x.db'",
  'install httpfs',
  'set threads = 8',
  'pragma database_list',
  'call pragma_version()',
  'select * from duckdb_settings()',
  'select * from information_schema.tables',
  "select getenv('HOME')",
  'explain analyze select 1',
]) {
  test(`${sql} is refused`, async () => {
    const { status, code } = await errorOf(await post({ sql }));
    assert.ok(status === 403 || status === 400, `${status}`);
    assert.ok(code === 'QUERY_FORBIDDEN' || code === 'QUERY_INVALID', code);
  });
}

test('requests that are none say what is wrong', async () => {
  for (const body of ['', '{', '[]', '{}', '{ "sql": 1 }', '{ "sql": "select 1", "params": 1 }']) {
    const { status, code } = await errorOf(await post(body));
    assert.deepEqual([status, code], [400, 'QUERY_INVALID'], body);
  }
  assert.equal((await post(JSON.stringify({ sql: ' '.repeat(5 * 1024 * 1024) }))).status, 413);
  assert.equal((await fetch(`${node.api}/api/v1/sql`)).status, 405);
  assert.equal((await fetch(`${node.api}/api/v1/nothing`)).status, 404);
});

test('a request target that is no URL is answered, and the node lives on', async () => {
  const { hostname, port } = new URL(node.api);
  const statusOf = async (path: string) => {
    const [response] = await once(httpRequest({ hostname, port, path }).end(), 'response');
    response.resume();
    return response.statusCode;
  };
  for (const path of ['//', '//[', 'http://', 'http://[', '*', '/%', '?']) {
    assert.ok([400, 404].includes(await statusOf(path)), path);
  }
  assert.equal(await statusOf('http://any.host/health'), 200);
  assert.equal(await statusOf('/health?verbose'), 200);
});

test('a client reads that it is refused although it has megabytes to send', async () => {
  const large = JSON.stringify({ sql: ' '.repeat(16 * 1024 * 1024) });
  for (let i = 0; i < 3; i++) {
    assert.equal((await post(large)).status, 413);
    assert.equal((await post(large, { 'X-Scope-OrgID': '..' })).status, 400);
    assert.equal((await fetch(`${node.api}/api/v1/nothing`, { method: 'POST', body: large })).status, 404);
  }
});

test('a query that takes too long is stopped, and the next one has its answer', async () => {
  const endless = 'select sum(a.range * b.range) from range(10000000) a, range(10000000) b';
  const { status, code } = await errorOf(await post({ sql: endless }));
  assert.deepEqual([status, code], [408, 'QUERY_TIMEOUT']);
  assert.equal((await post({ sql: 'select 1' })).status, 200);
});

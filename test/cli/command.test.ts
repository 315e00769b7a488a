import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { logRequest, range, sendLogs } from '../support/log-request.ts';
import { startNode } from '../support/node-process.ts';

const MAIN = join(import.meta.dirname, '../../packages/cli/dist/main.js');
const READY =
  /^openwit ready grpc=127\.0\.0\.1:\d+ http=(http:\/\/127\.0\.0\.1:\d+) api=(http:\/\/127\.0\.0\.1:\d+)\n$/;

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`serve prints one line, and on ${signal} writes everything to files and exits with 0`, async (t) => {
    const dataDir = folder(t);
    const node = serve(dataDir);
    const [, http] = (await node.line).match(READY)!;
    assert.equal(await sendLogs(http!, range(0, 10)), 200);
    node.child.kill(signal);
    assert.deepEqual(await node.ended, { code: 0, stdout: await node.line, stderr: '' });
    const asked = await openwit('sql', 'select count(*) as n from logs', '--data-dir', dataDir, '--format', 'csv');
    assert.deepEqual(asked, { code: 0, stdout: 'n\r\n10\r\n', stderr: '' });
  });
}

test('a second node on a data folder is refused and told why; the first goes on', async (t) => {
  const dataDir = folder(t);
  const first = await startNode(dataDir);
  t.after(() => first.stop());
  const second = await openwit('serve', '--data-dir', dataDir, '--grpc', '0', '--http', '0', '--api', '0');
  assert.equal(second.code, 1);
  assert.match(second.stderr, /DATA_DIR_LOCKED/);
  assert.ok(second.stderr.includes(dataDir));
  const asked = await openwit('sql', 'select 1', '--data-dir', dataDir);
  assert.match(asked.stderr, /DATA_DIR_LOCKED/);
  assert.equal(await sendLogs(first.http, [1]), 200);
});

test('a port that is taken is told, and the folder is free again', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const dataDir = folder(t);
  const { code, stderr } = await openwit('serve', '--data-dir', dataDir, '--grpc', String(port), '--http', '0');
  assert.ok(code === 1 || code === 2);
  assert.match(stderr, new RegExp(`^openwit: .*${port}.*\n$`));
  assert.equal((await openwit('sql', 'select 1', '--data-dir', dataDir)).code, 0);
});

test('wrong arguments are one line on stderr and exit code 2', async () => {
  for (const args of [
    ['fly'],
    ['serve', '--wings'],
    ['serve', '--grpc', 'many'],
    ['sql'],
    ['sql', 'select 1', '--format', 'xml'],
    ['ingest', 'x.bin', '--signal', 'smoke'],
  ]) {
    const { code, stdout, stderr } = await openwit(...args);
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, /^openwit: .+\n/);
    assert.doesNotMatch(stderr, /\n\s+at /, 'a stack trace');
  }
});

test('--help teaches every command', async () => {
  const overview = await openwit('--help');
  for (const command of ['serve', 'sql', 'ingest']) {
    assert.ok(overview.stdout.includes(`openwit ${command}`));
    const page = await openwit(command, '--help');
    assert.equal(page.code, 0);
    assert.ok(page.stdout.startsWith(`openwit ${command}`));
  }
});

test('a file of OTLP/JSON goes into a folder or a node, and comes out as a table, JSON and CSV', async (t) => {
  const dataDir = folder(t);
  const file = join(dataDir, 'logs.jsonl');
  writeFileSync(file, `${logRequest([1])}\n${logRequest([2, 3])}\n`);
  assert.equal((await openwit('ingest', file, '--data-dir', dataDir)).code, 0);
  const node = await startNode(dataDir);
  t.after(() => node.stop());
  assert.equal((await openwit('ingest', file, '--url', node.http)).code, 0);

  const exact = `select 9223372036854775807 as big, 'a "b", c' as quoted, null as nothing, max(timestamp) as at, count(*) as n from logs`;
  const ask = (format: string) => openwit('sql', exact, '--url', node.api, '--format', format);
  const csv = await ask('csv');
  assert.deepEqual(csv.stdout.split('\n'), [
    'big,quoted,nothing,at,n\r',
    '9223372036854775807,"a ""b"", c",,2026-09-21T14:13:20.000000003Z,6\r',
    '',
  ]);
  const json = await ask('json');
  assert.match(json.stdout, /"?9223372036854775807"?/);
  assert.match(json.stdout, /2026-09-21T14:13:20\.000000003Z/);
  const table = await ask('table');
  for (const text of ['9223372036854775807', 'a "b", c', '2026-09-21T14:13:20.000000003Z'])
    assert.ok(table.stdout.includes(text));
  const wrong = await openwit('sql', 'select nothing from nowhere', '--url', node.api);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /nowhere/);
});

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'openwit-cli-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function openwit(...args: string[]): Promise<Ended> {
  return ended(spawn(process.execPath, [MAIN, ...args], { timeout: 60_000 }));
}

function serve(dataDir: string) {
  const args = ['serve', '--data-dir', dataDir, '--grpc', '0', '--http', '0', '--api', '0'];
  const child = spawn(process.execPath, [MAIN, ...args], { timeout: 60_000 });
  const line = once(child.stdout, 'data').then(([piece]) => String(piece));
  return { child, line, ended: ended(child) };
}

async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (piece) => (stdout += piece));
  child.stderr!.on('data', (piece) => (stderr += piece));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

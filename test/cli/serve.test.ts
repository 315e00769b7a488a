import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { range, sendLogs } from '../support/log-request.ts';
import { ask } from '../support/node-process.ts';
import { openwit, type Served, serve } from '../support/openwit-command.ts';

const MAIN = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
/** Of a disk that does not answer: what opening the folder writes first never ends, and says so. */
const NEVER_LOCKS = `data:text/javascript,${encodeURIComponent(`
  import { promises } from 'node:fs';
  import { syncBuiltinESMExports } from 'node:module';
  promises.writeFile = () => {
    setInterval(() => {}, 1000);
    process.stdout.write('opening');
    return new Promise(() => {});
  };
  syncBuiltinESMExports();
`)}`;

let dataDir: string;
let nodes: Served[];
const begin = async (...args: string[]): Promise<Served> => {
  const node = await serve(dataDir, args);
  nodes.push(node);
  return node;
};

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'openwit-serve-'));
  nodes = [];
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.end('SIGKILL')));
  await rm(dataDir, { recursive: true, force: true });
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`serve prints one ready line and nothing else, and ${signal} ends it with 0 and everything kept`, async () => {
    const first = await begin();
    assert.equal(await sendLogs(first.http, range(0, 500)), 200);
    const { code, out, err } = await first.end(signal);
    assert.match(
      out,
      /^openwit ready grpc=127\.0\.0\.1:\d+ http=http:\/\/127\.0\.0\.1:\d+ api=http:\/\/127\.0\.0\.1:\d+\n$/,
    );
    assert.equal(err, '');
    assert.equal(code, 0);
    const second = await begin();
    const { rows } = await ask(second.api, "select count(*), count(distinct attributes['n']) from logs");
    assert.deepEqual(rows, [[500, 500]]);
  });
}

test('what serve was told to end with is in files, not only in the log', async () => {
  const node = await begin();
  assert.equal(await sendLogs(node.http, range(0, 50)), 200);
  assert.equal((await node.end('SIGTERM')).code, 0);
  await rm(join(dataDir, 'wal'), { recursive: true });
  const { rows } = await ask((await begin()).api, 'select count(*) from logs');
  assert.deepEqual(rows, [[50]]);
});

test('a signal that comes twice at once is one signal', async () => {
  const node = await begin();
  assert.equal(await sendLogs(node.http, range(0, 2000)), 200);
  process.kill(node.pid, 'SIGTERM');
  process.kill(node.pid, 'SIGINT');
  assert.equal((await node.end('SIGTERM')).code, 0);
});

test('connections that never say anything do not keep serve from ending', async () => {
  const node = await begin();
  const ports = [node.grpc, node.http, node.api].map((address) => Number(address.split(':').at(-1)));
  const sockets = ports.map((port) => connect(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  // The node must have taken them before the signal comes.
  await ask(node.api, 'select 1');
  assert.equal((await node.end('SIGTERM')).code, 0);
  for (const socket of sockets) socket.destroy();
});

test('a request to the API whose body never comes does not keep serve from ending', async () => {
  const node = await begin();
  const socket = connect(Number(node.api.split(':').at(-1)), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write('POST /api/v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{ "sql"');
  await ask(node.api, 'select 1');
  assert.equal((await node.end('SIGTERM')).code, 0);
  socket.destroy();
});

test('a second signal ends a serve that does not come to its end, and nothing is lost', async () => {
  const node = await begin();
  assert.equal(await sendLogs(node.http, range(0, 50)), 200);
  const socket = connect(Number(node.api.split(':').at(-1)), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write('POST /api/v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{ "sql"');
  await ask(node.api, 'select 1');
  process.kill(node.pid, 'SIGTERM');
  await setTimeout(1500);
  const { code, err } = await node.end('SIGTERM');
  socket.destroy();
  assert.deepEqual([code, err], [1, '']);
  assert.deepEqual((await ask((await begin()).api, 'select count(*) from logs')).rows, [[50]]);
});

test('a signal ends a serve that does not come to open its folder', async () => {
  const child = spawn(process.execPath, ['--import', NEVER_LOCKS, MAIN, 'serve', '--data-dir', dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
  });
  const closed = once(child, 'close');
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  assert.deepEqual(await closed, [1, null]);
});

test('a second serve on the same folder names the folder and its owner, and the first goes on', async () => {
  const first = await begin();
  const { code, out, err } = await openwit([
    'serve',
    '--data-dir',
    dataDir,
    '--grpc',
    '0',
    '--http',
    '0',
    '--api',
    '0',
  ]);
  assert.equal(code, 1);
  assert.equal(out, '');
  assertOneLine(err);
  assert.ok(err.includes(resolve(dataDir)), err);
  assert.ok(err.includes(String(first.pid)), err);
  assert.match(err, /DATA_DIR_LOCKED/);
  assert.equal(await sendLogs(first.http, range(0, 3)), 200);
  assert.deepEqual((await ask(first.api, 'select count(*) from logs')).rows, [[3]]);
});

for (const server of ['grpc', 'http', 'api']) {
  test(`a taken port of --${server} is a clear error that names the address`, async () => {
    const taken = createServer((socket: Socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const ports = Object.entries({ grpc: '0', http: '0', api: '0', [server]: String(port) });
    const args = ports.flatMap(([name, value]) => [`--${name}`, value]);
    const { code, out, err } = await openwit(['serve', '--data-dir', dataDir, ...args]);
    taken.close();
    assert.equal(code, 2);
    assert.equal(out, '');
    assertOneLine(err);
    assert.ok(err.includes(`127.0.0.1:${port}`), err);
    assert.match(err, /INVALID_CONFIG/);
  });
}

function assertOneLine(text: string): void {
  assert.match(text, /^openwit: [^\n]+\n$/);
}

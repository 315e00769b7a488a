import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { logRequest } from '../support/log-request.ts';
import { type NodeProcess, startNode } from '../support/node-process.ts';
import { openwit } from '../support/openwit-command.ts';

let folder: string;
let file: string;
let node: NodeProcess;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwit-errors-'));
  file = join(folder, 'logs.jsonl');
  await writeFile(file, logRequest([1]));
  node = await startNode(join(folder, 'data'));
});
after(async () => {
  await node.stop();
  await rm(folder, { recursive: true, force: true });
});

test('a --url that is none is told with its value', async () => {
  for (const url of ['nonsense', 'localhost:8080', 'ftp://localhost']) {
    await fails(['sql', 'select 1', '--url', url], 2, `option=--url value=${url} (INVALID_CONFIG)`);
    await fails(['ingest', file, '--url', url], 2, `option=--url value=${url} (INVALID_CONFIG)`);
  }
});

test('a file that cannot be read is told with its path', async () => {
  for (const path of [join(folder, 'nowhere.jsonl'), folder]) await fails(['ingest', path], 2, `file=${path} reason=`);
});

test('a folder without the data of a node is no empty node, and is not made', async () => {
  const typo = join(folder, 'typo');
  await fails(['sql', 'select 1', '--data-dir', typo], 2, `option=--data-dir value=${typo} (INVALID_CONFIG)`);
  assert.equal(existsSync(typo), false);
  await fails(['sql', 'select 1', '--data-dir', folder], 2, `option=--data-dir value=${folder}`);
});

test('what the node answers is told with its own code and message', async () => {
  const ask = (...args: string[]) => ['sql', ...args, '--url', node.api];
  await fails(ask('select 1', '--tenant', 'a b'), 1, '(INVALID_TENANT)');
  await fails(ask('select nothing from nowhere'), 1, '(QUERY_INVALID)');
  await fails(ask("copy (select 1) to '/tmp/x'"), 1, '(QUERY_FORBIDDEN)');
  const send = (...args: string[]) => ['ingest', ...args, '--url', node.http];
  await fails(send(file, '--tenant', 'a b'), 1, '(INVALID_TENANT)');
  const broken = join(folder, 'broken.bin');
  await writeFile(broken, Uint8Array.of(0x0a, 0x7f, 1, 2));
  await fails(send(broken, '--signal', 'logs'), 1, '(MALFORMED_OTLP)');
  const brokenJson = join(folder, 'broken.json');
  await writeFile(brokenJson, '{ "resourceLogs": 7 }');
  await fails(send(brokenJson), 1, '(MALFORMED_OTLP)');
});

test('the wrong port of a node is told with its URL', async () => {
  await fails(['sql', 'select 1', '--url', node.http], 2, `url=${node.http}/api/v1/sql status=404`);
  await fails(['ingest', file, '--url', node.api], 2, `url=${node.api}/v1/logs status=404`);
});

for (const [name, status, text] of [
  ['a proxy without its node', 502, '<html>Bad Gateway</html>'],
  ['an answer that breaks off', 200, undefined],
] as const) {
  test(`${name} is a node that is unavailable`, async (t) => {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(status);
      if (text !== undefined) response.end(text);
      else response.write('{"columns":', () => response.destroy());
    }).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    await fails(['sql', 'select 1', '--url', url], 1, '(STORE_UNAVAILABLE)');
    await fails(['ingest', file, '--url', url], 1, '(STORE_UNAVAILABLE)');
  });
}

async function fails(args: readonly string[], expected: number, part: string): Promise<void> {
  const { code, out, err } = await openwit(args);
  assert.deepEqual([code, out], [expected, ''], err);
  assert.match(err, /^openwit: [^\n]+\n$/);
  assert.ok(err.includes(part), err);
}

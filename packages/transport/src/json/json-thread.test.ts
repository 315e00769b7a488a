import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { isOpenWitError } from '@openwit/ports';
import { JsonThread } from './json-thread.ts';
import { otlpJsonToProtobuf } from './otlp-json.ts';

const MIB = 1024 * 1024;

function shared(text: string): Uint8Array<SharedArrayBuffer> {
  const bytes = Buffer.from(text);
  const body = new Uint8Array(new SharedArrayBuffer(bytes.length));
  body.set(bytes);
  return body;
}

/** The workers that are started from now on. */
function startedWorkers(t: TestContext): Worker[] {
  const workers: Worker[] = [];
  const onWorker = (worker: Worker) => workers.push(worker);
  process.on('worker', onWorker);
  t.after(() => process.off('worker', onWorker));
  return workers;
}

const log = (body: string) => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"${body}"}}]}]}]}`;

test('a thread converts as the caller would, with the errors of old', async (t) => {
  const thread = new JsonThread();
  t.after(() => thread.close());
  const json = shared(log('x'.repeat(1000)));
  assert.deepEqual(Uint8Array.from(await thread.convert('logs', json, MIB)), otlpJsonToProtobuf('logs', json));
  await assert.rejects(thread.convert('logs', shared('{"resourceLogs":[{]}'), MIB), (error) => {
    assert.ok(isOpenWitError(error));
    assert.deepEqual([error.code, error.details], ['MALFORMED_OTLP', { field: 'resourceLogs[0]', offset: 18 }]);
    return true;
  });
  await assert.rejects(
    thread.convert('logs', json, 100),
    (error) => isOpenWitError(error) && error.code === 'REQUEST_TOO_LARGE',
  );
});

test('a thread that ends by itself fails the request that it was at, and a new one takes the others', async (t) => {
  const workers = startedWorkers(t);
  const thread = new JsonThread();
  t.after(() => thread.close());
  const first = thread.convert('logs', shared(log('first')), MIB);
  const others = [2, 3].map((i) => thread.convert('logs', shared(log(String(i))), MIB));
  await setImmediate();
  void workers[0]!.terminate();
  await assert.rejects(first, (error) => isOpenWitError(error) && error.kind === 'internal');
  for (const other of others) assert.ok((await other).length > 0);
  assert.equal(workers.length, 2);
});

test('after a large body the thread ends, and gives back its memory', async (t) => {
  const workers = startedWorkers(t);
  const thread = new JsonThread();
  t.after(() => thread.close());
  await thread.convert('logs', shared(log('x')), MIB);
  const large = thread.convert('logs', shared(log('x'.repeat(8 * MIB))), 16 * MIB);
  const exited = once(workers[0]!, 'exit');
  await large;
  await exited;
  await thread.convert('logs', shared(log('x')), MIB);
  assert.equal(workers.length, 2);
});

test('closing ends the thread and whoever waits for it', async () => {
  const thread = new JsonThread();
  const waiting = assert.rejects(
    thread.convert('logs', shared(log('x')), MIB),
    (error) => isOpenWitError(error) && error.code === 'CLOSED',
  );
  await thread.close();
  await waiting;
  await assert.rejects(thread.convert('logs', shared('{}'), MIB), (error) => isOpenWitError(error));
});

const BOMBS: readonly [string, string, string, string][] = [
  ['empty objects in a field that is known', '{"resourceSpans":[', '{},', '{}]}'],
  ['empty lists in a field that is not', '{"x":[', '[],', '[]]}'],
  ['numbers in a list that is not', '{"x":[', '1,', '1]}'],
];

for (const [what, head, item, tail] of BOMBS) {
  test(`63 MiB of ${what} are read in a heap of 64 MB`, () => {
    const module = new URL('./otlp-json.ts', import.meta.url);
    const script = `
      import { otlpJsonToProtobuf } from '${module}';
      const [head, item, tail] = ${JSON.stringify([head, item, tail])};
      const items = Buffer.alloc(63 * 1024 * 1024, item);
      const whole = items.subarray(0, items.length - items.length % item.length);
      otlpJsonToProtobuf('traces', Buffer.concat([Buffer.from(head), whole, Buffer.from(tail)]), 64 * 1024 * 1024);`;
    const flags = [...process.execArgv.filter((flag) => flag.startsWith('--conditions')), '--max-old-space-size=64'];
    const run = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
  });
}

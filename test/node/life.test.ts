import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { context, trace } from '@opentelemetry/api';
import { BatchSpanProcessor, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { OpenWit } from '@openwit/core';
import { isOpenWitError, nodeFileSystem } from '@openwit/ports';
import { FaultyFileSystem } from '@openwit/ports/testing';
import { otlpJsonToProtobuf } from '@openwit/transport';
import { logRequest, range } from '../support/log-request.ts';

test('await using closes the node, and the next one has everything', async (t) => {
  const dataDir = folder(t);
  {
    await using wit = await OpenWit.open({ dataDir });
    await ingest(wit, range(0, 5));
  }
  await using again = await OpenWit.open({ dataDir });
  assert.equal(await count(again), 5n);
});

test('a data folder may have any name', async (t) => {
  const dataDir = join(folder(t), `it's [a] "b" q*? ünï`);
  await using wit = await OpenWit.open({ dataDir });
  await ingest(wit, range(0, 5));
  await wit.flush();
  assert.equal(await count(wit), 5n);
});

test('a closed node says so, and can be closed again', async (t) => {
  const wit = await OpenWit.open({ dataDir: folder(t) });
  await Promise.all([wit.close(), wit.close()]);
  await wit.close();
  const isClosed = (error: unknown) => isOpenWitError(error) && error.kind === 'closed' && error.code === 'CLOSED';
  await assert.rejects(async () => ingest(wit, [1]), isClosed);
  await assert.rejects(async () => count(wit), isClosed);
  await assert.rejects(async () => wit.listen({ api: 0 }), isClosed);
  assert.throws(() => wit.spanExporter(), isClosed);
});

test('a close that fails closes everything else, says so, and lets go of the folder', async (t) => {
  const dataDir = folder(t);
  const disk = new FaultyFileSystem(nodeFileSystem);
  const wit = await OpenWit.open({ dataDir, fileSystem: disk });
  const { api } = await wit.listen({ api: 0 });
  await ingest(wit, range(0, 5));
  await count(wit);
  await wit.flush();
  disk.fail('EIO', { operation: 'close', path: /wal/, times: Number.POSITIVE_INFINITY });
  await assert.rejects(wit.close(), (error) => (error as NodeJS.ErrnoException).code === 'EIO');
  await assert.rejects(fetch(`${api}/health`));
  await using again = await OpenWit.open({ dataDir });
  assert.equal(await count(again), 5n);
});

test('a folder has one node at a time; two folders live beside each other', async (t) => {
  const dataDir = folder(t);
  const wit = await OpenWit.open({ dataDir });
  await assert.rejects(OpenWit.open({ dataDir }), (error) => isOpenWitError(error) && error.code === 'DATA_DIR_LOCKED');
  const other = await OpenWit.open({ dataDir: folder(t) });
  await ingest(other, range(0, 3));
  assert.deepEqual([await count(wit), await count(other)], [0n, 3n]);
  await Promise.all([wit.close(), other.close()]);
  await (await OpenWit.open({ dataDir })).close();
});

test('forceFlush of an exporter means on disk: a kill right after it loses nothing', async (t) => {
  const dataDir = folder(t);
  const program = `
    import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
    import { OpenWit } from '@openwit/core';
    const wit = await OpenWit.open({ dataDir: ${JSON.stringify(dataDir)} });
    const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: wit.spanExporter() })] });
    for (let i = 0; i < 700; i++) provider.getTracer('t').startSpan('s', { attributes: { i } }).end();
    await provider.forceFlush();
    console.log('flushed');
    setInterval(() => {}, 1000);`;
  const args = ['--conditions=openwit-source', '--input-type=module', '-e', program];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
    cwd: import.meta.dirname,
  });
  const exited = once(child, 'exit');
  assert.equal(String((await once(child.stdout, 'data'))[0]), 'flushed\n');
  child.kill('SIGKILL');
  await exited;
  await using wit = await OpenWit.open({ dataDir });
  const [row] = await wit.sql`select count(*) as n, count(distinct attributes['i']) as different from traces`;
  assert.deepEqual(row, { n: 700n, different: 700n });
});

test('an exporter gives up nothing while the log fails, and stores each span once', async (t) => {
  const disk = new FaultyFileSystem(nodeFileSystem);
  const wit = await OpenWit.open({ dataDir: folder(t), fileSystem: disk });
  const exporter = wit.spanExporter();
  const provider = new TracerProvider({
    spanProcessors: [new BatchSpanProcessor({ exporter, maxExportBatchSize: 50 })],
  });
  const failing = disk.fail('EIO', { operation: 'sync', path: /wal/, times: 3 });
  for (let i = 0; i < 400; i++) provider.getTracer('t').startSpan('s', { attributes: { i } }).end();
  await provider.forceFlush();
  assert.ok(failing.seen >= 3, `the log failed ${failing.seen} times`);
  const [row] = await wit.sql`select count(*) as n, count(distinct attributes['i']) as different from traces`;
  assert.deepEqual(row, { n: 400n, different: 400n });
  await wit.close();
});

test('an exporter that was shut down takes nothing and says so', async (t) => {
  const wit = await OpenWit.open({ dataDir: folder(t) });
  const exporter = wit.spanExporter();
  await exporter.shutdown();
  const { promise, resolve } = Promise.withResolvers<{ code: number; error?: Error }>();
  exporter.export([], resolve);
  const { code, error } = await promise;
  assert.equal(code, 1);
  assert.ok(isOpenWitError(error) && error.code === 'CLOSED');
  await wit.close();
});

test('an exporter never traces itself', async (t) => {
  const wit = await OpenWit.open({ dataDir: folder(t) });
  // Every span is exported at once: an export that made a span would never come to an end.
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: wit.spanExporter() })] });
  trace.setGlobalTracerProvider(provider);
  t.after(() => trace.disable());
  const span = provider.getTracer('t').startSpan('one');
  await context.with(trace.setSpan(context.active(), span), async () => span.end());
  await provider.forceFlush();
  await wit.flush();
  await provider.forceFlush();
  const rows = await wit.sql`select span_name from traces`;
  assert.deepEqual(rows, [{ span_name: 'one' }]);
  await wit.close();
});

test('a closed connection stops the query, and the next one has its turn', async (t) => {
  const wit = await OpenWit.open({ dataDir: folder(t), query: { timeoutMs: 600_000 } });
  const { api } = await wit.listen({ api: 0 });
  const endless = 'select sum(a.range * b.range) from range(10000000) a, range(10000000) b';
  const left = new AbortController();
  const body = JSON.stringify({ sql: endless });
  // As many as may run at a time, several times over: if one of them went on, the last question would wait for it.
  for (let i = 0; i < 12; i++) {
    const answer = fetch(`${api}/api/v1/sql`, { method: 'POST', body, signal: left.signal });
    answer.catch(() => {});
  }
  await fetch(`${api}/health`);
  await delay(500); // they have arrived by now, and the first run
  left.abort();
  assert.equal(await count(wit), 0n);
  await wit.close();
});

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'openwit-life-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function ingest(wit: OpenWit, which: readonly number[]) {
  const payload = otlpJsonToProtobuf('logs', Buffer.from(logRequest(which)));
  return wit.ingest({ tenant: 'default', signal: 'logs', payload });
}

async function count(wit: OpenWit): Promise<unknown> {
  const [row] = await wit.sql`select count(*) as n from logs`;
  return row!.n;
}

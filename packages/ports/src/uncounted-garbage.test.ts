import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { UncountedGarbage } from './uncounted-garbage.ts';

const MIB = 1024 * 1024;

test('shared memory that was let go of goes back, though nothing else makes garbage', () => {
  const garbage = new UncountedGarbage();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 64; i++) {
    new Uint8Array(new SharedArrayBuffer(16 * MIB)).fill(1);
    garbage.add(16 * MIB);
  }
  const grown = (process.memoryUsage.rss() - before) / MIB;
  assert.ok(grown < 256, `${Math.round(grown)} MiB of 1,024 are still here`);
});

test('no `gc` is left behind in new contexts', async () => {
  new UncountedGarbage();
  const { runInNewContext } = await import('node:vm');
  assert.equal(runInNewContext('typeof gc'), 'undefined');
});

test('threads that start at the same time each have their own', async () => {
  const url = new URL('./uncounted-garbage.ts', import.meta.url);
  const code = `import(${JSON.stringify(url)}).then(({ UncountedGarbage }) => {
    for (let i = 0; i < 100; i++) new UncountedGarbage();
  });`;
  const threads = Array.from({ length: 4 }, () => new Worker(code, { eval: true }));
  const codes = await Promise.all(threads.map((thread) => once(thread, 'exit')));
  assert.deepEqual(codes, [[0], [0], [0], [0]]);
});

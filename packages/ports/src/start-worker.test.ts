import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workerFlags } from './start-worker.ts';

test('a worker has the flags of its process, but for those of the main program', () => {
  const kept = ['--conditions=source', '--import', './hook.mjs', '--max-old-space-size=100'];
  for (const program of [
    ['--input-type=module', '-e', 'await 1'],
    ['--input-type', 'module', '--eval=await 1'],
    ['-p', '1 + 1'],
    [],
  ]) {
    assert.deepEqual(workerFlags([...program, ...kept]), kept);
    assert.deepEqual(workerFlags([...kept, ...program]), kept);
  }
});

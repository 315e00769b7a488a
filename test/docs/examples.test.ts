import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);

test('the demo prints what it saw of itself: traces, logs and metrics', { timeout: 120_000 }, async () => {
  const program = join(import.meta.dirname, '../../examples/embedded-app/main.ts');
  const { stdout } = await run(process.execPath, ['--conditions=openwit-source', program], { timeout: 110_000 });
  for (const table of ['traces', 'logs', 'metrics']) assert.match(stdout, new RegExp(`\\b${table}\\b`));
  assert.doesNotMatch(stdout, /\b(undefined|NaN)\b/);
});

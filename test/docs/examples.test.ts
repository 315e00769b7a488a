import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);

test('the demo prints what it saw of itself: traces, logs and metrics', { timeout: 120_000 }, async () => {
  const program = join(import.meta.dirname, '../../examples/embedded-app/main.ts');
  const { stdout } = await run(process.execPath, ['--conditions=openwit-source', program], { timeout: 110_000 });
  for (const heading of ['spans by route', 'log lines', 'metrics'])
    assert.match(stdout, new RegExp(`^${heading}$`, 'm'));
  for (const text of ['/cart', 'served /pay', 'http.server.duration']) assert.ok(stdout.includes(text), text);
  assert.doesNotMatch(stdout, /\b(undefined|NaN)\b/);
});

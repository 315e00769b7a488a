import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { isAvailable, platformName } from './index.ts';
import { needsAddon } from './testing/needs-addon.ts';

const run = promisify(execFile);

test('there is an addon for this machine, also in a worker', needsAddon, async () => {
  assert.ok(isAvailable());
  const script = `
    import { Worker, isMainThread } from 'node:worker_threads';
    import { analyse } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
    console.log(analyse('log', 'it works').length);
    if (isMainThread) for (let i = 0; i < 3; i++) new Worker(process.argv[1]);
  `;
  const folder = mkdtempSync(join(tmpdir(), 'openwit-tantivy-'));
  try {
    const file = join(folder, 'script.mjs');
    writeFileSync(file, script);
    const { stdout } = await run(process.execPath, [file], { timeout: 30_000 });
    assert.equal(stdout, '2\n'.repeat(4));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('without an addon it says how to get one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'openwit-tantivy-'));
  try {
    cpSync(import.meta.dirname, join(folder, 'src'), { recursive: true });
    const script = `
      import { isAvailable, analyse } from './src/index.ts';
      try { analyse('log', 'x') } catch ({ code, message }) { console.log(isAvailable(), code, message) }
    `;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
    assert.match(stdout, /^false unavailable full-text search needs a native addon/);
    assert.match(
      stdout,
      new RegExp(`install @openwit/tantivy-node-${platformName()}, or cargo and run npx openwit-build-tantivy`),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

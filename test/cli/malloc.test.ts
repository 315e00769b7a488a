import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startNode } from '../support/node-process.ts';

const skip = process.platform === 'linux' ? false : 'the settings are of Linux';

test('serve tells malloc what to keep, as the process that was started', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'openwit-malloc-'));
  const node = await startNode(folder);
  try {
    const settings = readFileSync(`/proc/${node.pid}/environ`, 'utf8').split('\0');
    assert.ok(settings.includes('MALLOC_ARENA_MAX=8'));
    assert.ok(settings.includes('MALLOC_TRIM_THRESHOLD_=8388608'));
    assert.equal(await node.stop(), 0);
  } finally {
    await node.kill();
    rmSync(folder, { recursive: true });
  }
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { range, sendLogs } from '../support/log-request.ts';
import { ask, type NodeProcess, startNode } from '../support/node-process.ts';

const BLOCK = Buffer.alloc(64 * 1024);

for (const end of ['kill', 'stop'] as const) {
  test(`a disk that is full keeps no node from starting, and nothing of what was acknowledged away, after a ${end}`, async (t) => {
    const disk = smallDisk(t);
    if (disk === undefined) return;
    const dataDir = join(disk, 'data');
    const before = await startNode(dataDir);
    t.after(() => before.kill());
    assert.equal(await sendLogs(before.http, range(0, 50)), 200);
    const filling = join(disk, 'filling');
    if (end === 'kill') fill(filling);
    await before[end]();
    fill(filling);

    const node = await startNode(dataDir);
    t.after(() => node.kill());
    assert.equal(await count(node), 50);
    // One request may find room that the start had; soon there is none.
    let status = 200;
    let taken = 50;
    for (let i = 0; status === 200 && i < 200; i++) {
      status = (await sendLogs(node.http, range(taken, 1000)))!;
      if (status === 200) taken += 1000;
    }
    assert.equal(status, 503);
    assert.equal(await count(node), taken);
    rmSync(filling);
    while ((await sendLogs(node.http, [taken])) !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await count(node), taken + 1);
    assert.equal(await node.stop(), 0);
  });
}

test('a node starts on a full disk as often as it must, after a clean end and after a kill', async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return;
  const dataDir = join(disk, 'data');
  const filling = join(disk, 'filling');
  let node = await startNode(dataDir);
  t.after(() => node.kill());
  assert.equal(await sendLogs(node.http, range(0, 50)), 200);
  let taken = 50;
  for (const end of ['stop', 'stop', 'kill', 'stop'] as const) {
    await node[end]();
    fill(filling); // what the last start did not need is gone too
    node = await startNode(dataDir);
    // A node that has room answers 200: what it takes must not be the room of the next start.
    while ((await sendLogs(node.http, range(taken, 200))) === 200) taken += 200;
    assert.equal(await count(node), taken);
  }
  await node.stop();
  rmSync(filling);
  node = await startNode(dataDir);
  await node.stop();
  assert.equal(statSync(join(dataDir, 'reserve')).size, 1024 * 1024, 'with space there is all of it again');
});

/** A file system of 16 MiB in memory; undefined, and the test skipped, where none can be mounted. */
function smallDisk(t: TestContext): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'openwit-full-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder]);
  if (status !== 0) {
    rmSync(folder, { recursive: true });
    t.skip('needs the right to mount a tmpfs');
    return undefined;
  }
  t.after(() => {
    spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Writes until nothing more goes in. */
function fill(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (let size = BLOCK.length; size >= 1; size = Math.floor(size / 4)) {
      try {
        for (;;) writeSync(file, BLOCK, 0, size);
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
      }
    }
  } finally {
    closeSync(file);
  }
}

async function count(node: NodeProcess): Promise<number> {
  const { rows } = await ask(node.api, 'select count(distinct body) from logs');
  return rows[0]![0] as number;
}

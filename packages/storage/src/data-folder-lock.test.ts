import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isOpenWitError } from '@openwit/ports';
import { lockDataFolder } from './data-folder-lock.ts';

const folder = (): Promise<string> => mkdtemp(join(tmpdir(), 'openwit-lock-'));

const isLockedBy =
  (pid: number | undefined) =>
  (error: unknown): boolean =>
    isOpenWitError(error) && error.kind === 'invalid' && error.code === 'DATA_DIR_LOCKED' && error.details.pid === pid;

test('a data folder is opened once in a process, and again when it was released', async () => {
  const path = await folder();
  const first = await lockDataFolder(path);
  await assert.rejects(lockDataFolder(path), isLockedBy(process.pid));
  first.release();
  first.release();
  (await lockDataFolder(path)).release();
});

test('a data folder is locked against another process until that is killed', async () => {
  const path = await folder();
  const script = join(path, 'holder.mjs');
  const module = new URL(`./data-folder-lock${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url).href;
  await writeFile(
    script,
    `import { lockDataFolder } from '${module}'; await lockDataFolder('${path}'); process.send('locked'); setInterval(() => {}, 1000);`,
  );
  const holder = fork(script, { execArgv: process.execArgv.filter((arg) => arg.startsWith('--conditions')) });
  await once(holder, 'message');
  await assert.rejects(lockDataFolder(path), isLockedBy(holder.pid));
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  (await lockDataFolder(path)).release();
});

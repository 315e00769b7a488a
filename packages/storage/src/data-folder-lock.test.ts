import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
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

test('a data folder is locked against another process until that is killed', async (t) => {
  const path = await folder();
  const holder = await otherHolder(t, path);
  await assert.rejects(lockDataFolder(path), isLockedBy(holder.pid));
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  (await lockDataFolder(path)).release();
});

test('a folder is locked also where the owner cannot be written down', async () => {
  const path = await folder();
  await mkdir(join(path, 'lock.pid'));
  const lock = await lockDataFolder(path);
  await assert.rejects(lockDataFolder(path), isLockedBy(0));
  lock.release();
});

const skip = process.platform !== 'linux' && 'only Linux has a guard beside SQLite';

test('a folder stays locked when its owner copies it', { skip }, async (t) => {
  const path = await folder();
  // POSIX drops the locks of a process on a file with any descriptor of it that the process closes.
  const holder = await otherHolder(t, path, `fs.readFileSync('${path}/lock.sqlite');`);
  await assert.rejects(lockDataFolder(path), isLockedBy(holder.pid));
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  (await lockDataFolder(path)).release();
});

/** A process that has locked the folder, and then done something. */
async function otherHolder(t: TestContext, path: string, then = ''): Promise<ChildProcess> {
  const script = join(path, 'holder.mjs');
  const module = new URL(`./data-folder-lock${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url).href;
  await writeFile(
    script,
    `import fs from 'node:fs'; import { lockDataFolder } from '${module}'; await lockDataFolder('${path}'); ${then}
     process.send('locked'); setInterval(() => {}, 1000);`,
  );
  const holder = fork(script, { execArgv: process.execArgv.filter((arg) => arg.startsWith('--conditions')) });
  t.after(() => holder.kill('SIGKILL'));
  await once(holder, 'message');
  return holder;
}

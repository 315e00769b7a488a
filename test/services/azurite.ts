import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Found } from './python-packages.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const VERSION = '3.37.0';
/** Not a dependency of the tree: its 450 packages would come with every set-up. */
const CACHE = fileURLToPath(new URL('../../.cache/npm', import.meta.url));
const FOLDER = join(CACHE, `azurite-${VERSION}`);
const MAIN = 'node_modules/azurite/dist/src/blob/main.js';
const INSTALL_TIMEOUT_MS = 300_000;

export const AZURITE_ACCOUNT = 'openwittest';
export const AZURITE_KEY: string = Buffer.from('the key of a storage account in tests').toString('base64');

const run = promisify(execFile);

/** Azurite's blob service without containers, in memory, or why there is none. */
export async function azurite(): Promise<Found<ServerProcess>> {
  try {
    if (!existsSync(join(FOLDER, MAIN))) await install();
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    return { missing: `no Azurite ${VERSION}: ${(stderr.trim() || message).split('\n').at(-1)}` };
  }
  const found = await startServer({
    program: process.execPath,
    args: (port) => [
      join(FOLDER, MAIN),
      ...['--blobHost', '127.0.0.1', '--blobPort', String(port), '--inMemoryPersistence'],
      ...['--silent', '--skipApiVersionCheck', '--disableTelemetry'],
    ],
    env: { AZURITE_ACCOUNTS: `${AZURITE_ACCOUNT}:${AZURITE_KEY}` },
    readyPath: '/',
  });
  return { found };
}

/** The folder appears whole or not at all, also when two test files come here at once. */
async function install(): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const unfinished = await mkdtemp(join(CACHE, 'unfinished-'));
  try {
    await writeFile(join(unfinished, 'package.json'), '{ "private": true }');
    const args = ['install', `azurite@${VERSION}`, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', args, { cwd: unfinished, timeout: INSTALL_TIMEOUT_MS });
    await rename(unfinished, FOLDER).catch((error) => {
      if (!existsSync(join(FOLDER, MAIN))) throw error; // else the other one was first
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

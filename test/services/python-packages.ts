import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CACHE = fileURLToPath(new URL('../../.cache/python', import.meta.url));
const INSTALL_TIMEOUT_MS = 240_000;
const PIP = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '1', '--timeout', '20'];
const PYTHON = process.platform === 'win32' ? join('Scripts', 'python.exe') : join('bin', 'python');

const run = promisify(execFile);

/** What a test needs and this machine has, or why it has not: then the test is skipped. */
export type Found<T> = { readonly found: T } | { readonly missing: string };

/**
 * The path of a Python that has these packages of PyPI (`name==version`) and no others. They are installed once, into a
 * folder of their own in `.cache`.
 */
export async function pythonWith(packages: readonly string[]): Promise<Found<string>> {
  const folder = join(CACHE, packages.map((name) => name.replace('==', '-')).join('_'));
  try {
    if (!(await isUsable(folder))) await install(packages, folder);
    return { found: join(folder, PYTHON) };
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const reason = (stderr.trim() || message).split('\n').at(-1);
    return { missing: `no Python with ${packages.join(', ')}: ${reason}` };
  }
}

/** The Python that a folder was made for may have gone meanwhile. */
function isUsable(folder: string): Promise<boolean> {
  return run(join(folder, PYTHON), ['--version']).then(
    () => true,
    () => false,
  );
}

/** The folder appears whole or not at all, also when two test files come here at once. */
async function install(packages: readonly string[], folder: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const unfinished = await mkdtemp(join(CACHE, 'unfinished-'));
  try {
    await run('python3', ['-m', 'venv', unfinished], { timeout: INSTALL_TIMEOUT_MS });
    await run(join(unfinished, PYTHON), [...PIP, ...packages], { timeout: INSTALL_TIMEOUT_MS });
    await rename(unfinished, folder).catch(async (error) => {
      if (await isUsable(folder)) return; // the other one was first
      await rm(folder, { recursive: true, force: true });
      await rename(unfinished, folder).catch(() => Promise.reject(error));
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Found } from './python-packages.ts';

const CACHE = fileURLToPath(new URL('../../.cache/go', import.meta.url));
/** A first build takes minutes on two cores. */
const BUILD_TIMEOUT_MS = 900_000;

const run = promisify(execFile);

/** The path of a Go program, built once from `module@version` into a folder of its own in `.cache`. */
export async function goProgram(module: string, version: string): Promise<Found<string>> {
  const name = module.split('/').at(-1)!;
  const folder = join(CACHE, `${name}-${version}`);
  const program = join(folder, process.platform === 'win32' ? `${name}.exe` : name);
  try {
    if (!(await exists(program))) await build(`${module}@${version}`, folder);
    return { found: program };
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const reason = (stderr.trim() || message).split('\n').at(-1);
    return { missing: `no ${name} ${version}: ${reason}` };
  }
}

/** The folder appears whole or not at all, also when two test files come here at once. */
async function build(module: string, folder: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const unfinished = await mkdtemp(join(CACHE, 'unfinished-'));
  try {
    const env = { ...process.env, GOBIN: unfinished };
    await run('go', ['install', module], { timeout: BUILD_TIMEOUT_MS, env });
    await rename(unfinished, folder).catch(async (error) => {
      if (!(await exists(folder))) throw error; // else the other one was first
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

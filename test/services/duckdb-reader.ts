import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const VERSION = '1.5.5';
const PACKAGES = [
  'duckdb',
  'duckdb-extension-ducklake',
  'duckdb-extension-sqlite-scanner',
  'duckdb-extension-postgres-scanner',
];
const VENV = join(import.meta.dirname, '../../.cache', `duckdb-${VERSION}`);
const PYTHON = join(VENV, 'bin/python');
const SCRIPT = join(import.meta.dirname, 'duckdb_reader.py');
const INSTALL_TIMEOUT_MS = 240_000;
const READ_TIMEOUT_MS = 120_000;

/** An independent DuckDB with its DuckLake extension, from PyPI. */
export interface DuckDbReader {
  /**
   * Rows of text, numbers and maps, of a query over the attached catalog `wit`, which each query attaches anew.
   * @param catalog the path of its SQLite file, or the connection string of its Postgres
   */
  read(catalog: string, sql: string): Promise<Value[][]>;
}

type Value = string | number | null | Readonly<Record<string, string | null>>;
type Answer = { readonly rows: Value[][] } | { readonly error: string };

/** The reader, or why this machine has none. */
export async function duckDbReader(): Promise<DuckDbReader | { readonly missing: string }> {
  try {
    if (!existsSync(PYTHON)) await run('python3', ['-m', 'venv', VENV], { timeout: INSTALL_TIMEOUT_MS });
    const wanted = PACKAGES.map((name) => `${name}==${VERSION}`);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...wanted];
    await run(PYTHON, pip, { timeout: INSTALL_TIMEOUT_MS });
  } catch (error) {
    return { missing: `DuckDB ${VERSION} cannot be installed from PyPI: ${(error as Error).message.slice(0, 200)}` };
  }
  return new ReaderProcess();
}

/** One Python, which starts with the first query and answers in turn; idle it keeps no test alive, and ends with it. */
class ReaderProcess implements DuckDbReader {
  readonly #waiting: ((answer: Answer) => void)[] = [];
  #child: ChildProcess | undefined;

  async read(catalog: string, sql: string): Promise<Value[][]> {
    const child = (this.#child ??= this.#start());
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.push(resolve);
    holdOpen(child, true);
    const timer = setTimeout(() => child.kill('SIGKILL'), READ_TIMEOUT_MS);
    child.stdin!.write(`${JSON.stringify([catalog, sql])}\n`);
    const answer = await promise;
    clearTimeout(timer);
    if (this.#waiting.length === 0) holdOpen(child, false);
    if ('error' in answer) throw new Error(answer.error);
    return answer.rows;
  }

  #start(): ChildProcess {
    const child = spawn(PYTHON, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout! }).on('line', (line) => this.#waiting.shift()?.(JSON.parse(line) as Answer));
    child.stdin!.on('error', () => {}); // the end is heard of below
    child.once('close', (code, signal) => {
      this.#child = undefined;
      for (const resolve of this.#waiting.splice(0)) resolve({ error: `the reader ended, code=${code ?? signal}` });
    });
    return child;
  }
}

function holdOpen(child: ChildProcess, holds: boolean): void {
  const call = holds ? 'ref' : 'unref';
  child[call]();
  for (const stream of [child.stdin, child.stdout]) (stream as unknown as Socket)[call]();
}

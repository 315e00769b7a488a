import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Found, pythonWith } from './python-packages.ts';

const PROGRAM = fileURLToPath(new URL('./duckdb_reader.py', import.meta.url));
const PACKAGES = ['duckdb==1.5.5', 'duckdb-extension-ducklake==1.5.5', 'duckdb-extension-sqlite-scanner==1.5.5'];
const STOP_TIMEOUT_MS = 10_000;

/** Rows as JSON has them: cast to VARCHAR what must not be rounded. */
export type ReaderRow = readonly (string | number | boolean | null)[];

interface Answer {
  readonly rows?: readonly ReaderRow[];
  readonly error?: string;
}

/** A DuckDB of another build and process than the node's, with the extension `ducklake` as DuckDB releases it. */
export class DuckDbReader {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exited: Promise<unknown>;
  readonly #waiting: ((answer: Answer) => void)[] = [];

  static async start(): Promise<Found<DuckDbReader>> {
    const python = await pythonWith(PACKAGES);
    if ('missing' in python) return python;
    const reader = new DuckDbReader(python.found);
    try {
      await reader.rows('select 1');
      return { found: reader };
    } catch (error) {
      return { missing: `DuckDB does not run in Python: ${(error as Error).message}` };
    }
  }

  private constructor(python: string) {
    this.#child = spawn(python, [PROGRAM], { stdio: 'pipe' });
    let complaint = '';
    this.#child.stderr.on('data', (piece) => (complaint = (complaint + piece).slice(-2000)));
    this.#child.stdin.on('error', () => {}); // `close` says it
    this.#exited = new Promise((resolve) => this.#child.once('close', resolve));
    createInterface(this.#child.stdout).on('line', (line) => this.#waiting.shift()?.(JSON.parse(line)));
    void this.#exited.then(() => {
      for (const answer of this.#waiting.splice(0)) answer({ error: `the reader ended: ${complaint.trim()}` });
    });
  }

  async rows(sql: string): Promise<readonly ReaderRow[]> {
    const answered = new Promise<Answer>((resolve) => this.#waiting.push(resolve));
    if (this.#child.exitCode !== null) throw new Error('the reader has ended');
    this.#child.stdin.write(`${JSON.stringify(sql)}\n`);
    const { rows, error } = await answered;
    if (rows === undefined) throw new Error(error);
    return rows;
  }

  async close(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#child.stdin.end();
    await this.#exited;
    clearTimeout(timer);
  }
}

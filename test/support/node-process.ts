import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
const READY = /openwit ready grpc=(\S+) http=(\S+) api=(\S+)/;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;

/** A real `openwit serve` in a process of its own, on free ports. */
export interface NodeProcess {
  readonly pid: number;
  readonly grpc: string;
  readonly http: string;
  readonly api: string;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
}

export async function startNode(dataDir: string, config: object = {}): Promise<NodeProcess> {
  mkdirSync(dataDir, { recursive: true });
  const configFile = join(dataDir, 'config.json');
  writeFileSync(configFile, JSON.stringify(config));
  const options = ['--data-dir', dataDir, '--config', configFile, '--grpc', '0', '--http', '0', '--api', '0'];
  return whenReady(spawn(process.execPath, [MAIN, 'serve', ...options], { stdio: ['ignore', 'pipe', 'inherit'] }));
}

/** Of a child that says on its standard output that it is ready, and where. */
export async function whenReady(child: ChildProcess): Promise<NodeProcess> {
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [, grpc, http, api] = await readyLine(child, exited);
  return {
    pid: child.pid!,
    grpc: grpc!,
    http: http!,
    api: api!,
    stop: () => {
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      child.kill('SIGTERM');
      return exited.finally(() => clearTimeout(timer));
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function readyLine(child: ChildProcess, exited: Promise<number | null>): Promise<RegExpMatchArray> {
  const { promise, resolve, reject } = Promise.withResolvers<RegExpMatchArray>();
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    reject(new Error('the node did not start in time'));
  }, START_TIMEOUT_MS);
  let output = '';
  child.stdout!.on('data', (piece) => {
    output += piece;
    const match = output.match(READY);
    if (match !== null) resolve(match);
  });
  void exited.then((code) => reject(new Error(`the node ended before it was ready, code=${code}`)));
  return promise.finally(() => clearTimeout(timer));
}

export interface SqlAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Asks the API; throws with the node's message. */
export async function ask(api: string, sql: string, headers: Record<string, string> = {}): Promise<SqlAnswer> {
  const response = await fetch(`${api}/api/v1/sql`, { method: 'POST', headers, body: JSON.stringify({ sql }) });
  const body = (await response.json()) as SqlAnswer & { error?: { message: string } };
  if (!response.ok) throw new Error(body.error?.message ?? `status ${response.status}`);
  return body;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;

/** A server that a test started, on a loopback port and with a data folder that goes with it. */
export interface ServerProcess {
  readonly url: string;
  stop(): Promise<void>;
}

export interface ServerCommand {
  readonly program: string;
  /** Its arguments, for a port that is free and a folder that is empty. */
  args(port: number, folder: string): readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A URL below the server's that answers when it is ready, whatever the status. */
  readonly readyPath: string;
}

/** Resolves when the server answers. @throws when it ends or does not answer in time, with the end of what it wrote */
export async function startServer({ program, args, env = {}, readyPath }: ServerCommand): Promise<ServerProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'openwit-server-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(program, args(port, folder), {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece) => (output = (output + piece).slice(-2000)));
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  const stop = async (): Promise<void> => {
    await end(child, exited);
    rmSync(folder, { recursive: true, force: true });
  };
  // What ends this process without `after` must not leave the server behind, and one whose `after` failed must end.
  process.once('exit', () => child.kill('SIGKILL'));
  child.unref();
  for (const stream of [child.stdout, child.stderr]) (stream as Socket).unref();
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(`${url}${readyPath}`))) {
    if (child.exitCode === null && child.pid !== undefined && Date.now() < deadline) {
      await delay(POLL_MS);
      continue;
    }
    await stop();
    throw new Error(`the server did not start: ${program}\n${output}`);
  }
  return { url, stop };
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(timer);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.arrayBuffer();
    return response.status < 500;
  } catch {
    return false;
  }
}

/** Free now; nobody else on this machine is likely to take it before the server does. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

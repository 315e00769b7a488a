import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
const READY = /^openwit ready grpc=(\S+) http=(\S+) api=(\S+)$/m;
const TIMEOUT_MS = 60_000;

/** How a run of the command ended, and all that it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** An `openwit serve` that has said that it is ready. */
export interface Served {
  readonly pid: number;
  readonly grpc: string;
  readonly http: string;
  readonly api: string;
  readonly ended: Promise<Ended>;
  /** Sends the signal and waits for the end. */
  end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<Ended>;
}

/** Runs the command to its end. */
export function openwit(args: readonly string[], { cwd }: { readonly cwd?: string } = {}): Promise<Ended> {
  return endOf(spawnOpenwit(args, cwd));
}

/** Runs `openwit serve` on free ports until it is ready; what was written before that is in `ended` too. */
export async function serve(dataDir: string, args: readonly string[] = []): Promise<Served> {
  const ports = ['--grpc', '0', '--http', '0', '--api', '0'];
  const child = spawnOpenwit(['serve', '--data-dir', dataDir, ...ports, ...args]);
  const ready = Promise.withResolvers<RegExpMatchArray>();
  let out = '';
  child.stdout!.setEncoding('utf8').on('data', (piece) => {
    out += piece;
    const match = out.match(READY);
    if (match !== null) ready.resolve(match);
  });
  const ended = endOf(child);
  void ended.then(({ code, err }) => ready.reject(new Error(`serve ended before it was ready, code=${code}\n${err}`)));
  const [, grpc, http, api] = await ready.promise;
  return {
    pid: child.pid!,
    grpc: grpc!,
    http: http!,
    api: api!,
    ended,
    end: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

/** The command as a child whose output the caller reads itself. */
export function spawnOpenwit(args: readonly string[], cwd?: string): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], ...(cwd && { cwd }) });
}

function endOf(child: ChildProcess): Promise<Ended> {
  let out = '';
  let err = '';
  child.stdout!.setEncoding('utf8').on('data', (piece) => (out += piece));
  child.stderr!.setEncoding('utf8').on('data', (piece) => (err += piece));
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, out, err });
    });
  });
}

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNode } from '../test/support/node-process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
export interface BenchServer {
  readonly pid: number;
  readonly http: string;
  readonly api: string;
  readonly dataDir: string;
  /** Ends the node: all its records are in files then. */
  finish(): Promise<void>;
  /** Ends it if it still runs, and takes its data away. */
  stop(): Promise<void>;
}

/** A real `openwit serve` with a fresh data folder, which goes when it stops. */
export async function startServer(config: object = {}): Promise<BenchServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'openwit-bench-'));
  const node = await startNode(dataDir, config);
  return {
    ...node,
    dataDir,
    finish: async () => void (await node.stop()),
    stop: async () => {
      await node.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** The workload as a file, made once. */
export function workload(signal: string, requests: number): string {
  const file = join(tmpdir(), `openwit-workload-${signal}-${requests}.bin`);
  if (!existsSync(file)) {
    const generator = join(root, 'bench/workload/generate.mjs');
    execFileSync(process.execPath, [generator, signal, file, '--requests', String(requests)], { stdio: 'inherit' });
  }
  return file;
}

export interface ReplayReport {
  readonly records: number;
  readonly statuses: Record<string, number>;
  readonly records_per_second: number;
  readonly cpu_us_per_record_at_ack: number;
  readonly cpu_us_per_record_settled: number;
  readonly peak_rss_mib: number;
}

/** The replay client in a process of its own, as a client is. */
export function replay(file: string, url: string, pid: number, settleSeconds: number): Promise<ReplayReport> {
  const client = join(root, 'bench/workload/replay.mjs');
  const args = [client, file, url, '--pid', String(pid), '--settle', String(settleSeconds)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 300_000 });
  const { promise, resolve, reject } = Promise.withResolvers<ReplayReport>();
  let output = '';
  child.stdout.on('data', (piece) => (output += piece));
  child.once('close', (code) => {
    if (code === 0) resolve(JSON.parse(output) as ReplayReport);
    else reject(new Error(`the client ended, code=${code}`));
  });
  return promise;
}

export function rssMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(status.match(/VmRSS:\s+(\d+)/)![1]) / 1024);
}

/** Bytes of all files below a folder. */
export function folderBytes(folder: string): number {
  return fileSizes(folder).reduce((sum, [, bytes]) => sum + bytes, 0);
}

/** The files below a folder that are there now, with their bytes. */
export function fileSizes(folder: string): (readonly [path: string, bytes: number])[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, statSync(path, { throwIfNoEntry: false })?.size ?? 0] as const);
}

/** Parquet files of a data folder. */
export function filesIn(dataDir: string): number {
  const folder = join(dataDir, 'parquet');
  const names = existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]) : [];
  return names.filter((name) => name.endsWith('.parquet')).length;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

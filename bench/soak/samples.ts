import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BenchServer, filesIn, rssMiB } from '../server.ts';
import type { Load } from './load.ts';
import type { QueryTimes } from './queries.ts';

/** How the node was at a moment, and in the seconds before it. */
export interface Sample {
  readonly seconds: number;
  readonly records: number;
  readonly refused: number;
  readonly rssMiB: number;
  readonly files: number;
  readonly walMiB: number;
  readonly diskMiB: number;
  readonly queries: number;
  readonly failedQueries: number;
  readonly queryP50Ms: number;
  readonly queryP99Ms: number;
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
}

export const LOOP_DELAY = {
  module: pathToFileURL(join(import.meta.dirname, 'loop-delay.mjs')).href,
  report: join(tmpdir(), `openwit-loop-delay-${process.pid}.json`),
};

const MIB = 1024 * 1024;

export function sample(server: BenchServer, load: Load, queries: QueryTimes, seconds: number): Sample {
  const loop = existsSync(LOOP_DELAY.report) ? readLoop() : { p99Ms: 0, maxMs: 0 };
  return {
    seconds: round(seconds),
    records: load.records,
    refused: load.refused,
    rssMiB: rssMiB(server.pid),
    files: filesIn(server.dataDir),
    walMiB: round(bytesBelow(join(server.dataDir, 'wal')) / MIB),
    diskMiB: round(bytesBelow(server.dataDir) / MIB),
    queries: queries.ms.length,
    failedQueries: queries.failed,
    queryP50Ms: round(percentile(queries.ms, 0.5)),
    queryP99Ms: round(percentile(queries.ms, 0.99)),
    loopP99Ms: round(loop.p99Ms),
    loopMaxMs: round(loop.maxMs),
  };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function readLoop(): { readonly p99Ms: number; readonly maxMs: number } {
  try {
    return JSON.parse(readFileSync(LOOP_DELAY.report, 'utf8'));
  } catch {
    return { p99Ms: 0, maxMs: 0 }; // it is being written
  }
}

/** Files come and go meanwhile. */
function bytesBelow(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

function round(value: number): number {
  return Number(value.toFixed(1));
}

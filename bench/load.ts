import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../test/support/node-process.ts';
import { filesIn, median, replay, startServer, workload } from './server.ts';

export interface LoadFigures {
  /** `group by service_name` over an open batch of 50,000 spans, over HTTP, milliseconds; median. */
  readonly openBatchGroupByMs: number;
  /** The fastest that the node took the workload, spans a second. */
  readonly maxRecordsPerSecond: number;
  /** At half of it: what was reached, and the Parquet files that it left. */
  readonly alone: PacedRun;
  /** With 20 queries a second beside it; `refused` are those that were answered OVERLOADED. */
  readonly withQueries: PacedRun & {
    readonly queries: number;
    readonly refused: number;
    readonly medianQueryMs: number;
  };
}

interface PacedRun {
  readonly recordsPerSecond: number;
  readonly files: number;
}

const OPEN_ROWS = 50_000;
const PER_REQUEST = 1000;
const REPEATS = 31;
const QUERIES_PER_SECOND = 20;
const CONNECTIONS = 4;
const SQL = 'select service_name, count(*) from traces group by service_name order by 1';

/** What queries cost while records come in, and what they cost the records. */
export async function benchLoad({ requests }: { readonly requests: number }): Promise<LoadFigures> {
  const openBatchGroupByMs = await openBatchGroupBy();
  const maxRecordsPerSecond = await maxRate(requests);
  const rate = maxRecordsPerSecond / 2;
  const alone = await paced(requests, rate, 0);
  const { recordsPerSecond, files, times, refused } = await paced(requests, rate, QUERIES_PER_SECOND);
  return {
    openBatchGroupByMs,
    maxRecordsPerSecond,
    alone: { recordsPerSecond: alone.recordsPerSecond, files: alone.files },
    withQueries: { recordsPerSecond, files, queries: times.length, refused, medianQueryMs: round(median(times)) },
  };
}

async function openBatchGroupBy(): Promise<number> {
  const bodies = payloads(workload('traces', OPEN_ROWS / PER_REQUEST));
  const server = await startServer({ ingest: { batch: { maxRows: 2 * OPEN_ROWS, maxAgeMs: 600_000 } } });
  try {
    for (const body of bodies) await send(server.http, body);
    const times: number[] = [];
    for (let i = 0; i < REPEATS; i++) times.push(await timed(server.api));
    const { rows } = await ask(server.api, 'select count(*) from traces');
    if (rows[0]![0] !== OPEN_ROWS || filesIn(server.dataDir) > 0) throw new Error('the batch is not open any more');
    return round(median(times));
  } finally {
    await server.stop();
  }
}

async function maxRate(requests: number): Promise<number> {
  const server = await startServer();
  try {
    const file = workload('traces', requests);
    return Math.round((await replay(file, `${server.http}/v1/traces`, server.pid, 0)).records_per_second);
  } finally {
    await server.stop();
  }
}

/** The workload at a steady rate, with queries at a steady rate beside it. */
async function paced(requests: number, recordsPerSecond: number, queriesPerSecond: number) {
  const bodies = payloads(workload('traces', requests));
  const server = await startServer();
  const times: number[] = [];
  let refused = 0;
  try {
    const began = performance.now();
    let isSending = true;
    const queries = every(
      1000 / queriesPerSecond,
      () => isSending,
      async () => {
        const ms = await timed(server.api).catch(() => undefined);
        if (ms === undefined) refused++;
        else times.push(ms);
      },
    );
    let next = 0;
    const connection = async () => {
      for (let i = next++; i < bodies.length; i = next++) {
        await delay(Math.max(0, began + (i * PER_REQUEST * 1000) / recordsPerSecond - performance.now()));
        await send(server.http, bodies[i]!);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, connection));
    const seconds = (performance.now() - began) / 1000;
    isSending = false;
    await queries;
    await server.finish();
    return {
      recordsPerSecond: Math.round((bodies.length * PER_REQUEST) / seconds),
      files: filesIn(server.dataDir),
      times,
      refused,
    };
  } finally {
    await server.stop();
  }
}

/** Calls at a steady rate, whether or not the last call has ended. */
async function every(periodMs: number, goesOn: () => boolean, call: () => Promise<void>): Promise<void> {
  if (!Number.isFinite(periodMs)) return;
  const calls: Promise<void>[] = [];
  const began = performance.now();
  for (let i = 0; goesOn(); i++) {
    await delay(Math.max(0, began + i * periodMs - performance.now()));
    calls.push(call());
  }
  await Promise.all(calls);
}

async function timed(api: string): Promise<number> {
  const began = performance.now();
  await ask(api, SQL);
  return performance.now() - began;
}

async function send(http: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf' };
  const response = await fetch(`${http}/v1/traces`, { method: 'POST', headers, body });
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`refused, status=${response.status}`);
}

/** The requests of a workload file: a little-endian length of 4 bytes before each. */
function payloads(file: string): Uint8Array<ArrayBuffer>[] {
  const bytes = readFileSync(file);
  const found: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    found.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return found;
}

function round(ms: number): number {
  return Number(ms.toFixed(1));
}

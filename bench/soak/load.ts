import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { SIGNALS, type Signal } from '@openwit/ports';
import { workload } from '../server.ts';

/** A request of the workload, and where the times stand in it. */
export interface TimedRequest {
  readonly signal: Signal;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly times: readonly number[];
}

export interface Load {
  /** Acknowledged. */
  readonly records: number;
  /** Requests that were refused, and sent again. */
  readonly refused: number;
  /** Ends when the last request is answered. */
  stop(): Promise<void>;
}

const REQUESTS = 100;
const RECORDS = 1000;
const CONNECTIONS = 4;
const RETRY_MS = 1000;
/** The times of the workload: from the generator's start on, a millisecond a record or less. The range is as narrow as can be. */
const START_NS = 1_780_000_000_000_000_000n;
const END_NS = START_NS + BigInt(REQUESTS * RECORDS + 1) * 1_000_000n + 1n;

/** Of all signals in turn. */
export function currentRequests(): TimedRequest[] {
  const bySignal = SIGNALS.map((signal) =>
    split(readFileSync(workload(signal, REQUESTS))).map((body) => ({ signal, body, times: timesIn(body) })),
  );
  return Array.from({ length: REQUESTS }, (_, i) => bySignal.map((requests) => requests[i]!)).flat();
}

/** At a steady rate, whatever the answers take, as long as no more than a few are waited for. */
export function startLoad(http: string, requests: readonly TimedRequest[], recordsPerSecond: number): Load {
  const load = { records: 0, refused: 0 };
  const began = performance.now();
  let isSending = true;
  let next = 0;
  const connection = async () => {
    while (isSending) {
      const i = next++;
      const early = began + (i * RECORDS * 1000) / recordsPerSecond - performance.now();
      if (early > 0) await delay(early);
      const request = requests[i % requests.length]!;
      const body = withCurrentTimes(request);
      while (isSending) {
        if (await isTaken(http, request.signal, body)) {
          load.records += RECORDS;
          break;
        }
        load.refused++;
        await delay(RETRY_MS);
      }
    }
  };
  const connections = Promise.all(Array.from({ length: CONNECTIONS }, connection));
  return {
    get records() {
      return load.records;
    },
    get refused() {
      return load.refused;
    },
    stop: async () => {
      isSending = false;
      await connections;
    },
  };
}

async function isTaken(http: string, signal: Signal, body: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const headers = { 'content-type': 'application/x-protobuf' };
  const response = await fetch(`${http}/v1/${signal}`, { method: 'POST', headers, body });
  const answer = await response.text();
  if (response.status === 400) throw new Error(`the workload is wrong: ${answer}`);
  return response.status === 200;
}

/** A copy whose first time is now; the others keep their distance. */
function withCurrentTimes({ body, times }: TimedRequest): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(body);
  const view = new DataView(copy.buffer);
  const shift = BigInt(Date.now()) * 1_000_000n - view.getBigUint64(times[0]!, true);
  for (const at of times) view.setBigUint64(at, view.getBigUint64(at, true) + shift, true);
  return copy;
}

/** No other eight bytes of the workload are such a number, but for a random id once in many runs, which may change. */
function timesIn(body: Uint8Array<ArrayBuffer>): number[] {
  const view = new DataView(body.buffer);
  const times: number[] = [];
  for (let at = 0; at + 8 <= body.length; ) {
    const isTime = body[at + 7] === 0x18 && inRange(view.getBigUint64(at, true));
    if (isTime) times.push(at);
    at += isTime ? 8 : 1;
  }
  return times;
}

function inRange(ns: bigint): boolean {
  return ns >= START_NS && ns < END_NS;
}

/** A little-endian length of 4 bytes is before each. */
function split(bytes: Buffer<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const found: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    found.push(Uint8Array.from(bytes.subarray(at + 4, end)));
    at = end;
  }
  return found;
}

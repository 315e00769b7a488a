import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Signal } from '@openwit/ports';

const GENERATOR = join(import.meta.dirname, '../../bench/workload/generate.mjs');

/** The benchmarks' workload as OTLP requests in protobuf; the same arguments give the same bytes. */
export function workloadRequests(
  signal: Signal,
  {
    requests,
    perRequest,
    seed = 5,
  }: { readonly requests: number; readonly perRequest: number; readonly seed?: number },
): Uint8Array<ArrayBuffer>[] {
  const folder = mkdtempSync(join(tmpdir(), 'openwit-workload-'));
  try {
    const file = join(folder, 'requests.bin');
    const counts = ['--requests', String(requests), '--per-request', String(perRequest), '--seed', String(seed)];
    execFileSync(process.execPath, [GENERATOR, signal, file, ...counts], { stdio: 'ignore' });
    return splitRequests(readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A little-endian length of 4 bytes is before each. */
function splitRequests(bytes: Buffer<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const requests: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    requests.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return requests;
}

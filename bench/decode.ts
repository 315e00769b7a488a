/**
 * What decoding costs: `node --conditions=openwit-source bench/decode.ts traces|logs|metrics FILE`, with
 * a file of length-prefixed requests (u32, little endian). Prints CPU microseconds per record, the median of the rounds.
 */
import { readFileSync } from 'node:fs';
import type { Signal } from '@openwit/ports';
import { createOtlpBatch } from '@openwit/transport';

const ROWS_PER_BATCH = 50_000;

const [signal, file, rounds = '9'] = process.argv.slice(2) as [Signal, string, string?];
const requests = readRequests(file);
const costs: number[] = [];
let bytesPerRow = 0;
for (let round = 0; round < Number(rounds); round++) costs.push(costOf(requests));
costs.sort((a, b) => a - b);
console.log(
  JSON.stringify({
    signal,
    microsecondsPerRecord: Number(costs[costs.length >> 1]!.toFixed(3)),
    fastest: Number(costs[0]!.toFixed(3)),
    bytesPerRow: Math.round(bytesPerRow),
  }),
);

function costOf(payloads: readonly Uint8Array[]): number {
  const before = process.threadCpuUsage();
  let rows = 0;
  let batch = createOtlpBatch(signal, { expectedRows: ROWS_PER_BATCH });
  for (const payload of payloads) {
    rows += batch.append(payload, { maxRecords: 2 * ROWS_PER_BATCH }).accepted;
    if (batch.rows < ROWS_PER_BATCH) continue;
    bytesPerRow = batch.byteLength / batch.rows;
    batch = createOtlpBatch(signal, { expectedRows: ROWS_PER_BATCH });
  }
  const used = process.threadCpuUsage(before);
  return (used.user + used.system) / rows;
}

/** Each request in a buffer of its own, as a receiver hands them over. */
function readRequests(path: string): Uint8Array[] {
  const bytes = readFileSync(path);
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    found.push(new Uint8Array(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return found;
}

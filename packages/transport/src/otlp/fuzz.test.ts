import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpenWitError, SIGNALS, type Signal } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { RandomRequests } from '../testing/random-requests.ts';
import { rowsOf } from '../testing/rows-of.ts';
import { createOtlpBatch, type OtlpBatch } from './batch.ts';

/** Mutated requests over all signals; `OPENWIT_FUZZ=1000000` runs more. */
const REQUESTS = Number(process.env.OPENWIT_FUZZ ?? 100_000);
const SEED = Number(process.env.OPENWIT_FUZZ_SEED ?? 1);
const LIMITS = { maxRecords: 10_000, maxBytes: 4 * 1024 * 1024 };
const KNOWN_CODES = ['MALFORMED_OTLP', 'OVERLOADED', 'REQUEST_TOO_LARGE'];

for (const signal of SIGNALS) {
  const count = Math.ceil(REQUESTS / SIGNALS.length);
  test(`${count} mutated requests of ${signal} are each a typed error or rows that can be read`, () => {
    const random = new SeededRandom(SEED);
    const requests = new RandomRequests(SEED);
    const originals = Array.from({ length: 50 }, () => requests.next(signal)).filter(({ length }) => length > 0);
    let batch = createOtlpBatch(signal);
    for (let i = 0; i < count; i++) {
      if (i % 500 === 0) batch = createOtlpBatch(signal);
      checkAppend(signal, batch, mutated(random, random.pick(originals)), `seed ${SEED}, request ${i}`);
      if (i % 500 === 499) assert.equal(rowsOf(batch).length, batch.rows);
    }
  });
}

function checkAppend(signal: Signal, batch: OtlpBatch, payload: Uint8Array, name: string): void {
  const before = batch.mark();
  const bytesBefore = batch.byteLength;
  try {
    const { accepted } = batch.append(payload, LIMITS);
    assert.equal(batch.rows, before.rows + accepted, name);
    // What it became alone can be read: offsets in order, indexes in range, all text UTF-8, keys unique.
    if (accepted > 0) checkAlone(signal, payload, accepted, name);
  } catch (error) {
    assert.ok(isOpenWitError(error) && KNOWN_CODES.includes(error.code), `${name}: ${error}`);
    assert.deepEqual(batch.mark(), before, name);
    assert.equal(batch.byteLength, bytesBefore, name);
  }
}

function checkAlone(signal: Signal, payload: Uint8Array, accepted: number, name: string): void {
  const alone = createOtlpBatch(signal, { expectedRows: 16 });
  alone.append(payload, LIMITS);
  assert.equal(rowsOf(alone).length, accepted, name);
}

function mutated(random: SeededRandom, original: Uint8Array): Uint8Array {
  let bytes = original.slice();
  for (let changes = 1 + random.below(3); changes > 0; changes--) bytes = change(random, bytes);
  return bytes;
}

function change(random: SeededRandom, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const length = random.below(8);
  switch (random.below(5)) {
    case 0:
      bytes[at % Math.max(1, bytes.length)]! ^= 1 << random.below(8);
      return bytes;
    case 1:
      bytes[at % Math.max(1, bytes.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff]);
      return bytes;
    case 2:
      return bytes.slice(0, at);
    case 3:
      return Buffer.concat([
        bytes.subarray(0, at),
        random.bytes(length),
        bytes.subarray(at),
      ]).slice() as Uint8Array<ArrayBuffer>;
    default:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]).slice() as Uint8Array<ArrayBuffer>;
  }
}

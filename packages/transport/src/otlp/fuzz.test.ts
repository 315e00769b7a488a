import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpenWitError, SIGNALS, type Signal } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { expectedRows } from '../testing/expected-rows.ts';
import { RandomRequests } from '../testing/random-requests.ts';
import { type Row, rowsOf } from '../testing/rows-of.ts';
import { createOtlpBatch, type OtlpBatch } from './batch.ts';

/** Mutated requests over all signals; `OPENWIT_FUZZ=1000000` runs more. */
const REQUESTS = Number(process.env.OPENWIT_FUZZ ?? 100_000);
const SEED = Number(process.env.OPENWIT_FUZZ_SEED ?? 1);
const LIMITS = { maxRecords: 10_000, maxBytes: 4 * 1024 * 1024 };
/** Ends of ranges, and tags that OTLP has in many places. */
const TELLING_BYTES = [0, 1, 0x7f, 0x80, 0xff, 8, 0x0a, 0x12];
/** One of so many is compared with what protobufjs makes of it. */
const COMPARED = 6;
const KNOWN_CODES = ['MALFORMED_OTLP', 'OVERLOADED', 'REQUEST_TOO_LARGE'];

for (const signal of SIGNALS) {
  const count = Math.ceil(REQUESTS / SIGNALS.length);
  test(`${count} mutated requests of ${signal} are each a typed error or the rows of another decoder`, () => {
    const random = new SeededRandom(SEED);
    const requests = new RandomRequests(SEED);
    const originals = Array.from({ length: 50 }, () => requests.next(signal)).filter(({ length }) => length > 0);
    let batch = createOtlpBatch(signal);
    let same = 0;
    for (let i = 0; i < count; i++) {
      if (i % 500 === 0) batch = createOtlpBatch(signal);
      const payload = mutated(random, random.pick(originals));
      const name = `seed ${SEED}, request ${i}`;
      checkAppend(signal, batch, payload, name);
      if (i % COMPARED === 0 && isSame(signal, payload, name)) same++;
      if (i % 500 === 499) assert.equal(rowsOf(batch).length, batch.rows);
    }
    assert.ok(same > count / COMPARED / 10, `${same} were the same`);
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

/**
 * True when the request became the rows that the other decoder makes of it. It may only be lenient: it does not read what
 * no row has, such as the bytes of a value that another one replaces.
 */
function isSame(signal: Signal, payload: Uint8Array, name: string): boolean {
  const expected = expectedOf(signal, payload);
  const alone = createOtlpBatch(signal, { expectedRows: 16 });
  let rejected = 0;
  try {
    ({ rejected } = alone.append(payload, LIMITS));
  } catch (error) {
    assert.ok(isOpenWitError(error) && error.code === 'MALFORMED_OTLP', `${name}: ${error}`);
    assert.equal(expected, undefined, `${name}: the other decoder reads it, ${error.message}`);
  }
  if (expected === undefined || rejected > 0) return false;
  assert.deepEqual(rowsOf(alone), expected, name);
  return true;
}

function expectedOf(signal: Signal, payload: Uint8Array): Row[] | undefined {
  try {
    return expectedRows(signal, payload);
  } catch {
    return undefined;
  }
}

function mutated(random: SeededRandom, original: Uint8Array): Uint8Array {
  let bytes = original.slice();
  for (let changes = 1 + random.below(3); changes > 0; changes--) bytes = change(random, bytes);
  return bytes;
}

function change(random: SeededRandom, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const length = random.below(8);
  const changed = at % Math.max(1, bytes.length);
  switch (random.below(7)) {
    case 0:
      bytes[changed]! ^= 1 << random.below(8);
      return bytes;
    case 1:
      bytes[changed] = random.pick(TELLING_BYTES);
      return bytes;
    case 2:
      bytes[changed]!++;
      return bytes;
    case 3:
      return bytes.slice(0, at);
    case 4:
      return spliced(bytes, at, 0, random.bytes(length));
    case 5:
      return spliced(bytes, at, length, random.bytes(length));
    default:
      return spliced(bytes, at, length, new Uint8Array(0));
  }
}

function spliced(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]));
}

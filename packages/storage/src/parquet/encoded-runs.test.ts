import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@openwit/ports/testing';
import { bitsFor, encodedRuns, repeated } from './encoded-runs.ts';

test('numbers of any width, alike for long or not at all, are read as they were', () => {
  const random = new SeededRandom(1);
  for (let round = 0; round < 2000; round++) {
    const most = 2 ** random.below(24);
    const values: number[] = [];
    const wanted = 1 + random.below(300);
    while (values.length < wanted) {
      const run = random.below(2) === 0 ? 1 : 1 + random.below(20);
      const value = random.below(most + 1);
      for (let i = 0; i < run && values.length < wanted; i++) values.push(value);
    }
    const width = bitsFor(most + 1);
    const bytes = encodedRuns(Int32Array.from([...values, 7, 7, 7]), values.length, width);
    assert.deepEqual(decoded(bytes, width, values.length), values, `round ${round}`);
  }
});

test('one value is a few bytes, however often', () => {
  for (const length of [1, 63, 64, 8191, 8192, 1_000_000]) {
    const bytes = repeated(1, length);
    assert.ok(bytes.length <= 5);
    assert.deepEqual(decoded(bytes, 8, length), Array(length).fill(1));
    assert.deepEqual(encodedRuns(new Int32Array(length), length, 1), repeated(0, length));
  }
});

test('an index takes as many bits as the greatest needs', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 256, 257, 65536, 65537].map(bitsFor), [1, 1, 2, 2, 3, 8, 9, 16, 17]);
});

/** As the specification has it, bit by bit. */
function decoded(bytes: Uint8Array, width: number, count: number): number[] {
  const values: number[] = [];
  let at = 0;
  while (values.length < count) {
    let head = 0;
    for (let shift = 0, more = true; more; shift += 7, at++) {
      head += (bytes[at]! & 127) * 2 ** shift;
      more = bytes[at]! > 127;
    }
    const length = head >> 1;
    if ((head & 1) === 0) {
      let value = 0;
      for (let k = 0; k < Math.ceil(width / 8); k++) value += bytes[at++]! * 256 ** k;
      for (let i = 0; i < length; i++) values.push(value);
      continue;
    }
    const bit = (i: number) => (bytes[at + (i >> 3)]! >> (i & 7)) & 1;
    for (let i = 0; i < 8 * length; i++) {
      let value = 0;
      for (let k = 0; k < width; k++) value += bit(i * width + k) * 2 ** k;
      values.push(value);
    }
    at += length * width;
  }
  assert.equal(at, bytes.length);
  // A packed group has eight values; what is behind the last is zeros.
  assert.ok(values.slice(count).every((value) => value === 0));
  return values.slice(0, count);
}

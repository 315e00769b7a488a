import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeededRandom } from '@openwit/ports/testing';
import { encodedRuns, repeated } from '../parquet/encoded-runs.ts';
import { decodeRuns, singleRun } from './decoded-runs.ts';
import { UnknownForm } from './unknown-form.ts';

const GREATEST_WIDTH = 24;

describe('what is encoded is read as it was, wherever it stands', () => {
  for (let width = 1; width <= GREATEST_WIDTH; width++) {
    test(`numbers of ${width} bits`, () => {
      const random = new SeededRandom(width);
      for (let round = 0; round < 100; round++) {
        const values = mixedRuns(random, random.below(300), 2 ** width);
        const bytes = encodedRuns(values, values.length, width);
        const start = random.below(9);
        const shifted = Uint8Array.from([...random.bytes(start), ...bytes, ...random.bytes(9)]);
        assert.deepEqual(read(shifted, width, values.length, start), values, `round ${round}`);
      }
    });
  }

  test('fewer values than there are', () => {
    const values = Int32Array.from({ length: 100 }, (_, i) => (i < 50 ? i % 7 : 3));
    const bytes = encodedRuns(values, values.length, 3);
    for (let count = 0; count <= values.length; count++) {
      assert.deepEqual(read(bytes, 3, count), values.subarray(0, count));
    }
  });

  test('one value, however often', () => {
    for (const count of [1, 63, 64, 8191, 8192, 1_000_000]) {
      assert.deepEqual(read(repeated(5, count), 8, count), new Int32Array(count).fill(5));
      assert.equal(singleRun(repeated(5, count), 0, { width: 8, count }), 5);
      assert.equal(singleRun(repeated(5, count), 0, { width: 8, count: count + 1 }), undefined);
    }
  });
});

describe('what is written by hand, as the specification has it', () => {
  test('the numbers 0 to 7, packed with three bits each', () => {
    const bytes = Uint8Array.of(0x03, 0b10001000, 0b11000110, 0b11111010);
    assert.deepEqual(read(bytes, 3, 8), Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7));
    assert.equal(singleRun(bytes, 0, { width: 3, count: 8 }), undefined);
  });

  test('runs of values of one, two and three bytes, the low byte first', () => {
    assert.deepEqual(read(Uint8Array.of(0x06, 0x01), 1, 3), Int32Array.of(1, 1, 1));
    assert.deepEqual(read(Uint8Array.of(0x04, 0x34, 0x12), 13, 2), Int32Array.of(0x1234, 0x1234));
    assert.deepEqual(read(Uint8Array.of(0x02, 0x56, 0x34, 0x12), 24, 1), Int32Array.of(0x123456));
  });

  test('a run of 300, then packed bits, then a run', () => {
    const bytes = Uint8Array.of(0xd8, 0x04, 0x01, 0x03, 0b10101010, 0x04, 0x00);
    const wanted = [...Array(300).fill(1), 0, 1, 0, 1, 0, 1, 0, 1, 0, 0];
    assert.deepEqual(read(bytes, 1, 310), Int32Array.from(wanted));
  });

  test('numbers of no bits are 0', () => {
    assert.equal(singleRun(new Uint8Array(0), 0, { width: 0, count: 7 }), 0);
    assert.deepEqual(read(Uint8Array.of(0x0e), 0, 7), new Int32Array(7));
  });
});

describe('what is no such encoding is an error', () => {
  const HOSTILE: Record<string, number[]> = {
    nothing: [],
    'a run of none': [0x00, 0x01],
    'packed groups of none': [0x01],
    'a head without an end': [0x80, 0x80],
    'a head of more than 32 bits': [0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    'packed groups that end early': [0x05, 0xff, 0xff, 0xff, 0xff],
    'the most packed groups': [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00],
    'a run without its value': [0x10],
    'a run whose value ends early': [0x10, 0x01],
    'too few values': [0x02, 0x01, 0x00],
  };
  for (const [name, bytes] of Object.entries(HOSTILE)) {
    test(name, () => assert.throws(() => read(Uint8Array.from(bytes), 12, 8), UnknownForm));
  }

  test('bytes that end early, but for what only fills the last group', () => {
    const values = mixedRuns(new SeededRandom(1), 200, 2 ** 17);
    const bytes = encodedRuns(values, values.length, 17);
    for (let length = 0; length < bytes.length - 17; length++) {
      assert.throws(() => read(bytes.subarray(0, length), 17, values.length), UnknownForm, `${length} bytes`);
    }
  });

  test('any bytes are read, or are an error', () => {
    const random = new SeededRandom(2);
    for (let round = 0; round < 20_000; round++) {
      const width = random.below(GREATEST_WIDTH + 1);
      const bytes = random.bytes(random.below(30));
      try {
        const values = read(bytes, width, random.below(1000));
        assert.ok(values.every((value) => value >= 0 && value < 2 ** (8 * Math.ceil(width / 8))));
      } catch (error) {
        assert.ok(error instanceof UnknownForm, String(error));
      }
    }
  });
});

/** Stretches of one value, of 1 to 20 rows, below `limit`. */
function mixedRuns(random: SeededRandom, length: number, limit: number): Int32Array {
  const values = new Int32Array(length);
  for (let at = 0; at < length; ) {
    const end = at + (random.below(2) === 0 ? 1 : 1 + random.below(20));
    values.fill(random.below(limit), at, end);
    at = end;
  }
  return values;
}

/** Behind the values nothing is touched. */
function read(bytes: Uint8Array, width: number, count: number, start = 0): Int32Array {
  const target = new Int32Array(count + 8).fill(-7);
  decodeRuns(bytes, start, { width, count }, target);
  assert.ok(target.subarray(count).every((value) => value === -7));
  return target.subarray(0, count);
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@openwit/ports/testing';
import { bytesIn, joined, type Span, split, without } from './byte-spans.ts';

const SIZE = 60;

test('spans are sets of bytes, in order and apart', () => {
  const random = new SeededRandom(1);
  const spans = (count: number): Span[] =>
    Array.from({ length: random.below(count) }, () => {
      const start = random.below(SIZE);
      return { start, end: start + random.below(SIZE - start) };
    });
  for (let i = 0; i < 2000; i++) {
    const [a, b] = [spans(6), spans(6)];
    const missing = without(a, b);
    assert.deepEqual([...bytesOf(missing)], [...bytesOf(a)].filter((byte) => !bytesOf(b).has(byte)).sort(ascending));
    assert.equal(bytesIn(missing), bytesOf(missing).size);
    assert.deepEqual([...bytesOf(joined(a))], [...bytesOf(a)].sort(ascending));
    const pieces = split(joined(a), 7);
    assert.deepEqual([...bytesOf(pieces)], [...bytesOf(joined(a))]);
    assert.ok(pieces.every(({ start, end }) => end > start && end - start <= 7));
  }
});

test('spans that are near to each other become one', () => {
  const spans = [
    { start: 30, end: 35 },
    { start: 0, end: 10 },
    { start: 14, end: 20 },
  ];
  assert.deepEqual(joined(spans, 5), [
    { start: 0, end: 20 },
    { start: 30, end: 35 },
  ]);
});

function bytesOf(spans: readonly Span[]): Set<number> {
  return new Set(spans.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)));
}

function ascending(a: number, b: number): number {
  return a - b;
}

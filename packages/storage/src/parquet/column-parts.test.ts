import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dictionary, Int32, RecordBatch, Utf8, Vector } from 'apache-arrow';
import arrow from './arrow-bundle.ts';
import { columnParts } from './column-parts.ts';

const ROWS = 1000;
const TEXTS = arrow.vectorFromArray(['some', 'texts'], new arrow.Utf8());

/** Eight bytes a row. */
function numbers(): Vector {
  return arrow.makeVector(BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(i)));
}

/** Four bytes a row, and the dictionary's. */
function texts(type: Dictionary<Utf8, Int32>): Vector {
  const data = Int32Array.from({ length: ROWS }, (_, i) => i % TEXTS.length);
  return new arrow.Vector([arrow.makeData({ type, data, dictionary: TEXTS })]);
}

function batchOf(columns: Readonly<Record<string, Vector>>): RecordBatch {
  return new arrow.Table(columns).batches[0]!;
}

function namesOf(parts: readonly RecordBatch[]): (readonly unknown[])[] {
  return parts.map(({ schema }) => schema.names);
}

test('a batch is cut into parts of so many bytes, with the same rows', () => {
  const batch = batchOf({ a: numbers(), b: numbers(), c: numbers(), d: numbers(), e: numbers() });
  const parts = columnParts(batch, 2 * 8 * ROWS);
  assert.deepEqual(namesOf(parts), [['a', 'b'], ['c', 'd'], ['e']]);
  for (const part of parts) {
    assert.equal(part.numRows, ROWS);
    for (const { name } of part.schema.fields) {
      assert.deepEqual(part.getChild(name)!.toArray(), batch.getChild(name)!.toArray());
    }
  }
  assert.deepEqual(columnParts(batch, 8 * 8 * ROWS), [batch]);
});

test('a column of more bytes is a part of its own', () => {
  const batch = batchOf({ a: numbers(), b: numbers() });
  assert.deepEqual(namesOf(columnParts(batch, ROWS)), [['a'], ['b']]);
});

test('columns that share a dictionary are in one part', () => {
  const type = new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32());
  const batch = batchOf({ a: texts(type), b: numbers(), c: texts(type) });
  const parts = columnParts(batch, ROWS);
  assert.deepEqual(namesOf(parts), [['a', 'c'], ['b']]);
  assert.equal(parts[0]!.getChild('c')!.get(1), 'texts');
});

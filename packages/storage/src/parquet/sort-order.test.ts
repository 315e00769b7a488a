import assert from 'node:assert/strict';
import test from 'node:test';
import { type ColumnData, TABLES } from '@openwit/ports';
import { Scratch } from './scratch.ts';
import { SORT_COLUMNS, sortOrder } from './sort-order.ts';

const ROWS = 3000;

/** Numbers that are the same in every run. */
function numbersBelow(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

const TIMES: Record<string, (i: number, below: (limit: number) => number) => bigint> = {
  'in order': (i) => BigInt(i) * 1_000n,
  backwards: (i) => BigInt(-i) * 1_000n,
  'in runs of several senders': (i, below) => 1_790_000_000_000_000_000n + BigInt((i % 700) * 5_000_000 + below(3)),
  'in no order, before 1970 too': (_, below) => BigInt(below(2 ** 31)) * BigInt(below(2 ** 31)) - (1n << 61n),
  'of a few moments': (_, below) => BigInt(below(3)) << 32n,
};

for (const table of ['logs', 'metrics'] as const) {
  for (const [kind, timeOf] of Object.entries(TIMES)) {
    test(`${table}, times ${kind}`, () => {
      const below = numbersBelow(ROWS);
      const words = ['b', 'a', 'ä', '', 'b', 'aa', 'z'];
      const names = SORT_COLUMNS[table].slice(0, -1);
      const picked = names.map(() => Int32Array.from({ length: ROWS }, () => below(words.length)));
      const times = BigInt64Array.from({ length: ROWS }, (_, i) => timeOf(i, below));
      const columns = TABLES[table].map(({ name }): ColumnData => {
        if (name === 'timestamp') return { length: ROWS, values: times };
        const at = names.indexOf(name);
        return at < 0 ? { length: 0 } : { length: ROWS, indices: picked[at]!, dictionary: textColumn(words) };
      });
      const textOf = (row: number) => picked.map((indices) => words[indices[row]!]!);
      const compare = (a: number, b: number) => {
        const [textsA, textsB] = [textOf(a), textOf(b)];
        for (let n = 0; n < names.length; n++) {
          const byText = Buffer.compare(Buffer.from(textsA[n]!), Buffer.from(textsB[n]!));
          if (byText !== 0) return byText;
        }
        return times[a]! === times[b]! ? a - b : times[a]! < times[b]! ? -1 : 1;
      };
      const wanted = Array.from({ length: ROWS }, (_, i) => i).sort(compare);
      assert.deepEqual([...sortOrder(table, ROWS, columns, new Scratch())], wanted);
    });
  }
}

test('no rows and one row', () => {
  for (const rows of [0, 1]) {
    const columns = TABLES.logs.map(({ name }): ColumnData => {
      if (name === 'timestamp') return { length: rows, values: new BigInt64Array(rows) };
      return { length: rows, indices: new Int32Array(rows), dictionary: textColumn(['a']) };
    });
    assert.equal(sortOrder('logs', rows, columns, new Scratch()).length, rows);
  }
});

function textColumn(texts: readonly string[]): ColumnData {
  const values = Buffer.from(texts.join(''));
  const offsets = new Int32Array(texts.length + 1);
  texts.forEach((text, i) => {
    offsets[i + 1] = offsets[i]! + Buffer.byteLength(text);
  });
  return { length: texts.length, offsets, values };
}

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PlainRow } from '@openwit/ports/testing';
import { Place } from '../testing/merge-place.ts';
import { KeyRuns, type TimeSpan } from './key-runs.ts';
import { LeafFile } from './leaf-file.ts';

const ALL: TimeSpan = { fromNs: 0n, toNs: 2n ** 63n };

/** A row of a service at a time. */
type Key = readonly [service: string, ns: number];
/** A file's place among the inputs, and its rows from the first to before the last. */
type Run = readonly [input: number, from: number, to: number];

describe('runs', () => {
  test('are as long as they can be', () => {
    const a = keys('a', 0, 100).concat(keys('b', 200, 300));
    const b = keys('a', 100, 250).concat(keys('b', 0, 200));
    assert.deepEqual(runsOf([a, b]), [
      [0, 0, 100],
      [1, 0, 150],
      [1, 150, 350],
      [0, 100, 200],
    ]);
  });

  test('are of one row where two files take turns', () => {
    const turns = (file: number) => keys('a', 0, 100).map(([name, ns]): Key => [name, 2 * ns + file]);
    const runs = runsOf([turns(0), turns(1)]);
    assert.deepEqual(
      runs,
      Array.from({ length: 200 }, (_, i): Run => [i % 2, i >> 1, (i >> 1) + 1]),
    );
  });

  test('of rows with the same key are in the order of the files', () => {
    const same = keys('a', 0, 1).concat(keys('a', 0, 1));
    assert.deepEqual(runsOf([same, same, same]), [
      [0, 0, 2],
      [1, 0, 2],
      [2, 0, 2],
    ]);
    assert.deepEqual(runsOf([keys('a', 0, 3), keys('a', 0, 3)]), [
      [0, 0, 1],
      [1, 0, 1],
      [0, 1, 2],
      [1, 1, 2],
      [0, 2, 3],
      [1, 2, 3],
    ]);
  });

  test('are ordered by the bytes of the names', () => {
    const names = ['', 'Z', 'a', 'aa', 'ä', '日', '💡'];
    assert.deepEqual(
      runsOf(names.toReversed().map((name) => keys(name, 0, 2))),
      names.map((_, i): Run => [names.length - 1 - i, 0, 2]),
    );
  });

  test('are cut by the time and by rows that are left out, and tell the first time and the last', () => {
    const file = opened(keys('a', 0, 10).concat(keys('b', 0, 10)));
    const runs = keyRuns([{ file, withoutRows: [0, 4, 5, 13, 19] }], { fromNs: 3n, toNs: 7n });
    assert.deepEqual(all(runs), [
      [0, 3, 4],
      [0, 6, 7],
      [0, 14, 17],
    ]);
    assert.equal(runs.minTimestampNs, 3n);
    assert.equal(runs.maxTimestampNs, 6n);
  });
});

function runsOf(files: readonly (readonly Key[])[]): Run[] {
  return all(
    keyRuns(
      files.map((own) => ({ file: opened(own), withoutRows: [] })),
      ALL,
    ),
  );
}

function keyRuns(inputs: ConstructorParameters<typeof KeyRuns>[0], span: TimeSpan): KeyRuns {
  const leafOf = (name: string) => inputs[0]!.file.leaves.findIndex(({ path }) => path.join('.') === name);
  return new KeyRuns(inputs, { names: [leafOf('service_name')], time: leafOf('timestamp') }, span);
}

function all(runs: KeyRuns): Run[] {
  const found: Run[] = [];
  while (runs.next()) found.push([runs.input, runs.from, runs.to]);
  return found;
}

function opened(rows: readonly Key[]): LeafFile {
  const place = new Place('logs');
  place.add(rows.map(([service_name, ns]): PlainRow => ({ service_name, timestamp: BigInt(ns) })));
  return LeafFile.open(place.inputs[0]!.path);
}

/** One a nanosecond. */
function keys(service: string, from: number, to: number): Key[] {
  return Array.from({ length: to - from }, (_, i): Key => [service, from + i]);
}

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { isOpenWitError, SIGNALS } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { unfinishedName } from '../file-paths.ts';
import { alikeRows, dealt } from '../testing/alike-rows.ts';
import { ALL_TIME, MIB, Place, pattern } from '../testing/merge-place.ts';
import { inOrder } from '../testing/stored-rows.ts';
import type { MergeSettings } from './merge-request.ts';

const START_NS = 1_800_000_000_000_000_000n;
const HOUR_NS = 3_600_000_000_000n;
const SEEDS = [1, 2, 3, 4];
/** So few that a piece is a few dozen rows. */
const LITTLE_MEMORY: Partial<MergeSettings> = { memoryLimitBytes: MIB / 4 };

describe('a merged file has all rows of its inputs, in order', () => {
  for (const table of SIGNALS) {
    for (const seed of SEEDS) {
      for (const compression of ['none', 'zstd'] as const) {
        test(`${table}, seed ${seed}, ${compression}`, async () => {
          const random = new SeededRandom(seed);
          const place = new Place(table, compression);
          const count = 2 + random.below(4);
          for (const rows of dealt(alikeRows(table, seed, 100 * count), count, random)) place.add(rows);
          await place.check(await place.mergedByLeaves());
        });
      }
    }
  }
});

describe('merged files are merged with new ones', () => {
  for (const table of SIGNALS) {
    test(table, async () => {
      const place = new Place(table);
      const files = dealt(alikeRows(table, 9, 900), 6, new SeededRandom(9));
      for (const rows of files.slice(0, 3)) place.add(rows);
      place.replaceInputs(await place.mergedByLeaves(LITTLE_MEMORY));
      for (const rows of files.slice(3)) place.add(rows);
      const file = await place.mergedByLeaves();
      await place.check(file);
      place.replaceInputs(file);
      await place.check(await place.mergedByLeaves({ maxPieceRows: 100 }));
    });
  }
});

test('the rows of each hour go to its file, and no file is made of an hour without rows', async () => {
  const place = new Place('logs');
  const rows = alikeRows('logs', 7, 600).map((row, i) => ({
    ...row,
    timestamp: START_NS + BigInt(i % 2) * 2n * HOUR_NS + (i < 4 ? BigInt(i >> 1) * (HOUR_NS - 1n) : BigInt(i)),
  }));
  for (const own of dealt(rows, 3, new SeededRandom(7))) place.add(own);
  const hours = [0n, 1n, 2n].map((hour) => ({
    fromNs: START_NS + hour * HOUR_NS,
    toNs: START_NS + (hour + 1n) * HOUR_NS,
  }));
  const files = await place.mergeByLeaves(hours, LITTLE_MEMORY);
  assert.equal(files?.length, 2);
  for (const [k, file] of files.entries()) {
    await place.check(
      file,
      rows.filter((_, i) => i % 2 === k),
    );
  }
  assert.ok(!existsSync(unfinishedName(place.output(1))));
});

describe('rows that are to be left out are not in the file', () => {
  const rows = alikeRows('traces', 8, 500);
  const sorted = inOrder('traces', rows);
  const numbersOf = (name: string) =>
    sorted.flatMap(({ service_name }, number) => (service_name === name ? [number] : []));
  const services = [...new Set(sorted.map(({ service_name }) => service_name as string))];
  const CASES: Record<string, readonly number[]> = {
    'the first': [0],
    'the last': [499],
    'neighbours, in no order and twice': [300, 101, 100, 102, 101, 7],
    'every other': sorted.flatMap((_, number) => (number % 2 === 0 ? [number] : [])),
    'all of the first service': numbersOf(services[0]!),
    'all of the last service': numbersOf(services.at(-1)!),
    'all but one': sorted.map((_, number) => number).filter((number) => number !== 250),
  };
  for (const [name, numbers] of Object.entries(CASES)) {
    for (const limits of [{}, { maxPieceRows: 40 }]) {
      test(`${name}, ${JSON.stringify(limits)}`, async () => {
        const place = new Place('traces');
        place.add(rows);
        place.inputs[0] = { ...place.inputs[0]!, withoutRows: numbers };
        await place.check(
          await place.mergedByLeaves(limits),
          sorted.filter((_, number) => !numbers.includes(number)),
        );
      });
    }
  }

  test('all', async () => {
    const place = new Place('traces');
    place.add(rows);
    place.inputs[0] = { ...place.inputs[0]!, withoutRows: sorted.map((_, number) => number) };
    assert.deepEqual(await place.mergeByLeaves([ALL_TIME]), []);
    assert.ok(!existsSync(unfinishedName(place.output(0))));
  });
});

describe('a merge piece by piece has the same rows', () => {
  for (const table of SIGNALS) {
    for (const limits of [LITTLE_MEMORY, { maxPieceRows: 17 }, { memoryLimitBytes: MIB, maxPieceRows: 64 }]) {
      test(`${table}, ${JSON.stringify(limits)}`, async () => {
        const place = new Place(table, 'zstd');
        for (const rows of dealt(alikeRows(table, 3, 900), 3, new SeededRandom(3))) place.add(rows);
        const file = await place.mergedByLeaves(limits);
        await place.check(file);
        const groups = await place.groupRows(file);
        assert.ok(groups.length >= 4, `${groups.length} row groups`);
        const most = limits.maxPieceRows ?? Number.POSITIVE_INFINITY;
        assert.ok(groups.every((group) => group <= most));
      });
    }
  }
});

describe('what is of another form is left to SQL, and no file is left', () => {
  const rows = alikeRows('logs', 5, 400);
  const checkLeft = async (place: Place) => {
    assert.equal(await place.mergeByLeaves([ALL_TIME]), undefined);
    assert.ok(!existsSync(unfinishedName(place.output(0))));
    const [file] = await place.merge([ALL_TIME]);
    await place.check(file!, inOrder('logs', rows));
  };

  test('files with other attribute columns', async () => {
    const place = new Place('logs');
    place.add(rows.slice(0, 200));
    const other = { key: 'other', type: 'bool', value: true } as const;
    const others = rows.slice(200).map((row) => ({ ...row, attributes: [other] }));
    place.add(others);
    assert.equal(await place.mergeByLeaves([ALL_TIME]), undefined);
    const [file] = await place.merge([ALL_TIME]);
    await place.check(file!);
  });

  test('one with pages that are compressed with LZ4', async () => {
    const place = new Place('logs');
    place.add(rows.slice(0, 200));
    place.add(rows.slice(200), 'lz4');
    await checkLeft(place);
  });

  test('files that have not the ids of their columns', async () => {
    const place = new Place('logs');
    for (const own of [rows.slice(0, 200), rows.slice(200)]) place.add(own);
    for (const { path } of place.inputs) {
      await place.query(`COPY (FROM ${pattern(path)}) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`);
    }
    await checkLeft(place);
  });

  for (const first of [true, false]) {
    test(`one whose rows are not in order, ${first ? 'the first' : 'the last'}`, async () => {
      const place = new Place('logs');
      place.add(rows.slice(0, 200));
      place.add(rows.slice(200));
      const { path } = place.inputs[first ? 0 : 1]!;
      await place.query(
        `COPY (FROM ${pattern(path)} ORDER BY hash(timestamp, 1)) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`,
      );
      await checkLeft(place);
    });
  }
});

test('a merge that is stopped is an error', async () => {
  const place = new Place('logs');
  for (const rows of dealt(alikeRows('logs', 4, 600), 2, new SeededRandom(4))) place.add(rows);
  let all = 0;
  await place.mergeByLeaves([ALL_TIME], LITTLE_MEMORY, () => ++all === 0);
  for (const unstopped of [0, 1, all - 1]) {
    let asked = 0;
    const isStopped = () => ++asked > unstopped;
    await assert.rejects(
      place.mergeByLeaves([ALL_TIME], LITTLE_MEMORY, isStopped),
      (error) => isOpenWitError(error) && error.kind === 'closed' && error.code === 'CLOSED',
    );
    assert.equal(asked, unstopped + 1);
  }
});

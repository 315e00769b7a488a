import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isOpenWitError, SIGNALS } from '@openwit/ports';
import { type PlainAttribute, type PlainRow, randomRows, SeededRandom } from '@openwit/ports/testing';
import { unfinishedName } from '../file-paths.ts';
import { ALL_TIME, MIB, Place, pattern } from '../testing/merge-place.ts';
import { inOrder } from '../testing/stored-rows.ts';
import { InputFacts } from './input-facts.ts';

const HOUR_NS = 3_600_000_000_000n;

/** Files with the same columns are merged by their leaves, but for those whose pages are compressed with LZ4. */
const WAYS = { 'by leaves': 'none', 'by SQL': 'lz4' } as const;

describe('a merged file has all rows of its inputs, in order', () => {
  for (const table of SIGNALS) {
    for (const seed of [1, 2, 3, 4]) {
      test(`${table}, seed ${seed}`, async () => {
        const random = new SeededRandom(seed);
        const place = new Place(table, seed % 2 === 0 ? 'none' : 'zstd');
        const batches = Array.from({ length: 1 + random.below(5) }, (_, i) =>
          randomRows(table, new SeededRandom(100 * seed + i), 1 + random.below(300)),
        );
        for (const rows of batches) place.add(rows);
        const [file] = await place.merge([ALL_TIME]);
        await place.check(file!, batches.flat());
      });
    }
  }
});

test('the rows of each hour go to its file, and no file is made of an hour without rows', async () => {
  const place = new Place('logs');
  const start = 1_800_000_000_000_000_000n;
  const rows = randomRows('logs', new SeededRandom(7), 600).map((row, i) => ({
    ...row,
    timestamp: start + BigInt(i % 2) * 2n * HOUR_NS + BigInt(i),
  }));
  place.add(rows.slice(0, 300));
  place.add(rows.slice(300));
  const hours = [0n, 1n, 2n].map((hour) => ({ fromNs: start + hour * HOUR_NS, toNs: start + (hour + 1n) * HOUR_NS }));
  const files = await place.merge(hours);
  assert.equal(files.length, 2);
  await place.check(
    files[0]!,
    rows.filter((_, i) => i % 2 === 0),
  );
  await place.check(
    files[1]!,
    rows.filter((_, i) => i % 2 === 1),
  );
});

describe('a key is wholly a column or wholly in the map of the merged file', () => {
  const many = (attribute: PlainAttribute, count: number): PlainRow[] =>
    randomRows('logs', new SeededRandom(9), count).map((row) => ({ ...row, attributes: [attribute] }));
  const int = (value: bigint): PlainAttribute => ({ key: 'n', type: 'int', value });
  const text = (value: string): PlainAttribute => ({ key: 'n', type: 'string', value });

  test('a column of a few rows goes back into the map, with its type', async () => {
    const place = new Place('logs');
    place.add([...many(int(5n), 20), ...many({ key: 'x', type: 'double', value: 0.5 }, 60)]);
    place.add(randomRows('logs', new SeededRandom(4), 900).map((row) => ({ ...row, attributes: [] })));
    const [file] = await place.merge([ALL_TIME]);
    assert.deepEqual(place.keysOf(file!, 'attributes'), []);
    await place.check(file!);
  });

  test('a key of a few rows in one file joins the column of the others', async () => {
    const place = new Place('logs');
    place.add(many(int(5n), 100));
    place.add([...many(int(7n), 5), ...many({ key: 'other', type: 'bool', value: true }, 95)]);
    const [file] = await place.merge([ALL_TIME]);
    assert.deepEqual(place.keysOf(file!, 'attributes'), ['n', 'other']);
    await place.check(file!);
  });

  test('a key whose values are of two types stays in the map', async () => {
    const place = new Place('logs');
    place.add(many(int(5n), 100));
    place.add([...many(text('five'), 5), ...many({ key: 'other', type: 'bool', value: true }, 95)]);
    const [file] = await place.merge([ALL_TIME]);
    assert.deepEqual(place.keysOf(file!, 'attributes'), ['other']);
    await place.check(file!);
  });

  test('keys that are called as the parts of a map are columns like others', async () => {
    const place = new Place('logs');
    const attributes: PlainAttribute[] = [
      { key: 'key', type: 'int', value: 1n },
      { key: 'value', type: 'string', value: "it's" },
    ];
    place.add(many(int(1n), 50).map((row) => ({ ...row, attributes })));
    place.add(many(int(1n), 50).map((row) => ({ ...row, attributes })));
    const [file] = await place.merge([ALL_TIME]);
    assert.deepEqual(place.keysOf(file!, 'attributes'), ['key', 'value']);
    await place.check(file!);
  });
});

for (const [way, compression] of Object.entries(WAYS))
  test(`what is too much for the memory is merged piece by piece, ${way}`, async () => {
    const place = new Place('traces', compression);
    const rows = randomRows('traces', new SeededRandom(3), 6000);
    for (let i = 0; i < 3; i++) place.add(rows.slice(2000 * i, 2000 * (i + 1)));
    const [file] = await place.merge([ALL_TIME], { maxPieceRows: 700 });
    await place.check(file!, rows);
    const [groups] = await place.query(`SELECT count(DISTINCT row_group_id) AS groups FROM ${place.metadata(file!)}`);
    assert.ok(Number(groups!.groups) >= 6, `${groups!.groups} row groups`);
  });

describe('no piece has many more rows than it may', () => {
  const start = 1_800_000_000_000_000_000n;
  const shapes: Record<string, (i: number) => PlainRow> = {
    'when each row has a name of its own': (i) => ({ service_name: `service ${(i * 7919) % 2000}` }),
    'when a name has nearly all rows in one moment of its time': (i) => ({
      service_name: 'one',
      timestamp: i === 0 ? start - HOUR_NS : start + BigInt(i),
    }),
    'when all rows have the same key': () => ({ service_name: 'one', timestamp: start }),
    'when there are names of many rows between those of few': (i) => ({
      service_name: i % 3 === 0 ? `few ${i % 50}` : `many ${i % 2}`,
    }),
  };
  for (const [name, shape] of Object.entries(shapes)) {
    for (const [way, compression] of Object.entries(WAYS))
      test(`${name}, ${way}`, async () => {
        const place = new Place('logs', compression);
        const rows = randomRows('logs', new SeededRandom(11), 2000).map((row, i) => ({ ...row, ...shape(i) }));
        for (let i = 0; i < 4; i++) place.add(rows.slice(500 * i, 500 * (i + 1)));
        const [file] = await place.merge([ALL_TIME], { maxPieceRows: 300 });
        await place.check(file!, rows);
        const groups = await place.query(
          `SELECT DISTINCT row_group_id, row_group_num_rows AS rows FROM ${place.metadata(file!)}`,
        );
        for (const { rows } of groups) assert.ok(Number(rows) <= 1.25 * 300, `${rows} rows`);
        assert.ok(groups.length <= 20, `${groups.length} row groups`);
      });
  }
});

for (const [way, compression] of Object.entries(WAYS))
  test(`rows that are very wide are merged a few at a time, ${way}`, async () => {
    const place = new Place('logs', compression);
    const rows = randomRows('logs', new SeededRandom(12), 90).map((row, i) => ({
      ...row,
      body: `${i} `.repeat(150_000),
    }));
    for (let i = 0; i < 3; i++) place.add(rows.slice(30 * i, 30 * (i + 1)));
    const [file] = await place.merge([ALL_TIME], { memoryLimitBytes: 40 * MIB });
    assert.equal(file!.rows, 90);
    const groups = await place.query(`SELECT DISTINCT row_group_id FROM ${place.metadata(file!)}`);
    assert.ok(groups.length >= 4, `${groups.length} row groups`);
  });

test('a text that many rows share counts for each of them: they are sorted with it', async () => {
  const resource = (i: number): PlainAttribute[] =>
    Array.from({ length: 20 }, (_, k) => ({
      key: `key ${k}`,
      type: 'string',
      value: `${i % 2} `.repeat(k < 10 ? 30 : 60),
    }));
  const random = randomRows('logs', new SeededRandom(14), 1000);
  const bytesOf = async (rows: readonly PlainRow[]) => {
    const place = new Place('logs');
    place.add(rows);
    const facts = await InputFacts.read(place.inputs, (sql) => place.queryRows(sql));
    return facts.bytes(0) / rows.length;
  };
  const without = await bytesOf(random.map((row) => ({ ...row, resource_attributes: [] })));
  const shared = await bytesOf(random.map((row, i) => ({ ...row, resource_attributes: resource(i) })));
  assert.ok(shared - without >= 20 * 60, `${shared - without} bytes a row`);
  const alike = await bytesOf(random.map((row) => ({ ...row, resource_attributes: resource(0).slice(0, 10) })));
  assert.ok(alike - without < 10, `${alike - without} bytes a row`);
});

test('a merge in which some rows have no place fails, and leaves no file', async () => {
  const place = new Place('logs');
  const rows = randomRows('logs', new SeededRandom(13), 100);
  place.add(rows);
  const times = rows.map(({ timestamp }) => timestamp as bigint).sort((a, b) => Number(a - b));
  await assert.rejects(
    place.merge([{ fromNs: 0n, toNs: times.at(-1)! }]),
    /other rows than its inputs, wanted=100 got=\d\d$/,
  );
  assert.ok(!existsSync(unfinishedName(place.output(0))));
});

test('the statistics of each row group of a file that was merged piece by piece are those of its rows', async () => {
  const place = new Place('logs');
  for (let i = 0; i < 3; i++) place.add(randomRows('logs', new SeededRandom(i), 1000));
  const [file] = await place.merge([ALL_TIME], { maxPieceRows: 512 });
  const groups = await place.query(
    `SELECT row_group_id, row_group_num_rows AS rows, path_in_schema AS name, stats_min_value AS min, stats_max_value AS max
     FROM ${place.metadata(file!)}
     WHERE path_in_schema IN ('timestamp', 'observed_timestamp', 'severity_number') ORDER BY row_group_id`,
  );
  assert.ok(new Set(groups.map(({ row_group_id }) => row_group_id)).size >= 5);
  const starts = new Map<string, number>();
  for (const { rows, name, min, max } of groups) {
    const from = starts.get(String(name)) ?? 0;
    starts.set(String(name), from + Number(rows));
    const [truth] = await place.query(
      `SELECT min("${name}")::VARCHAR AS min, max("${name}")::VARCHAR AS max
       FROM read_parquet(${pattern(file!.path)}, file_row_number = true)
       WHERE file_row_number >= ${from} AND file_row_number < ${from + Number(rows)}`,
    );
    if (min !== null) assert.deepEqual({ min, max }, truth, String(name));
  }
});

describe('columns that are alike in all rows of some inputs or of all are merged as others are', () => {
  for (const table of SIGNALS) {
    for (const seed of [1, 2, 3, 4]) {
      test(`${table}, seed ${seed}`, async () => {
        const random = new SeededRandom(seed);
        const place = new Place(table);
        const [inAll, ...ofInput] = randomRows(table, random, 4) as [PlainRow, ...PlainRow[]];
        const kind = new Map(Object.keys(inAll).map((name) => [name, random.below(4)]));
        for (const [i, own] of ofInput.entries()) {
          const rows = randomRows(table, new SeededRandom(100 * seed + i), 150).map((row) => {
            const source = (name: string) => [inAll, inAll, own, row][name === 'timestamp' ? 3 : kind.get(name)!]!;
            return Object.fromEntries(Object.keys(row).map((name) => [name, source(name)[name]])) as PlainRow;
          });
          place.add(rows);
        }
        const [file] = await place.merge([ALL_TIME], seed % 2 === 0 ? { maxPieceRows: 100 } : {});
        await place.check(file!);
      });
    }
  }

  test('texts that differ behind what statistics keep of them are not alike', async () => {
    const place = new Place('logs');
    for (const last of ['a', 'b']) {
      const body = 'x'.repeat(5000) + last;
      const attributes: PlainAttribute[] = [{ key: 'long', type: 'string', value: body }];
      place.add(randomRows('logs', new SeededRandom(5), 60).map((row) => ({ ...row, body, attributes })));
    }
    const [file] = await place.merge([ALL_TIME]);
    await place.check(file!);
  });

  test('values that are no numbers are not like others', async () => {
    const place = new Place('logs');
    for (const value of [0.5, Number.NaN]) {
      const attributes: PlainAttribute[] = [{ key: 'share', type: 'double', value }];
      place.add(randomRows('logs', new SeededRandom(6), 50).map((row) => ({ ...row, attributes })));
    }
    const [file] = await place.merge([ALL_TIME]);
    assert.deepEqual(place.keysOf(file!, 'attributes'), ['share']);
    const texts = await place.query(
      `SELECT "attributes.share"::VARCHAR AS share, count(*)::INT AS count FROM ${pattern(file!.path)}
       GROUP BY 1 ORDER BY 1`,
    );
    assert.deepEqual(texts, [
      { share: '0.5', count: 50 },
      { share: 'nan', count: 50 },
    ]);
  });
});

test('rows that are to be left out are not in the file', async () => {
  const place = new Place('traces');
  const rows = randomRows('traces', new SeededRandom(8), 500);
  place.add(rows);
  const numbers = [0, 7, 7, 499, ...Array.from({ length: 100 }, (_, i) => 100 + i)];
  place.inputs[0] = { ...place.inputs[0]!, withoutRows: numbers };
  const [file] = await place.merge([ALL_TIME]);
  await place.check(
    file!,
    inOrder('traces', rows).filter((_, i) => !numbers.includes(i)),
  );
});

test('a merge that is stopped leaves no file', async () => {
  const place = new Place('logs');
  place.add(randomRows('logs', new SeededRandom(3), 3000));
  let tasks = 0;
  const isStopped = () => ++tasks > 3;
  await assert.rejects(place.merge([ALL_TIME], {}, isStopped), (e) => isOpenWitError(e) && e.code === 'CLOSED');
  assert.ok(!existsSync(unfinishedName(place.output(0))));
});

test('a file that is not there is an error, and leaves no file', async () => {
  const place = new Place('logs');
  place.add(randomRows('logs', new SeededRandom(3), 30));
  place.inputs.push({ ...place.inputs[0]!, path: join(place.folder, 'nowhere.parquet') });
  await assert.rejects(place.merge([ALL_TIME]), /nowhere\.parquet/);
  assert.ok(!existsSync(unfinishedName(place.output(0))));
});

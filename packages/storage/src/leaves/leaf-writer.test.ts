import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { PlainAttribute, PlainRow } from '@openwit/ports/testing';
import type { MergedFile } from '../compaction/merge-request.ts';
import { MIB, Place, pattern } from '../testing/merge-place.ts';

const START_NS = 1_800_000_000_000_000_000n;
const ROWS = 60_000;
const FILES = 4;
const SERVICES = 6;
const BLOOM_PROBES = 50;
const KNOWN_PROBES = 20;
/** By the number of different values. */
const CARDINALITIES = { one: 1, three: 3, some: 900, more: 3000, many: 20_000, all: ROWS };
const EXTREME_INTS = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)];
const EXTREME_DOUBLES = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, -1.5];

type Value = string | bigint | number | boolean;

/** Of an attribute, by the number of the row. */
const VALUES: Record<string, (i: number) => Value> = Object.fromEntries([
  ...Object.entries(CARDINALITIES).flatMap(([name, count]) => [
    [`text ${name}`, (i: number) => `${name} ${scattered(i, count)}`],
    [`int ${name}`, (i: number) => intOf(scattered(i, count))],
    [`double ${name}`, (i: number) => doubleOf(scattered(i, count))],
  ]),
  ['bool', (i: number) => i % 3 === 0],
  ['text by service', (i: number) => `value ${serviceOf(i) < 3 ? i % 5 : i}`],
  ['int by service', (i: number) => BigInt(serviceOf(i) % 2 === 0 ? i % 5 : i)],
  ['double by service', (i: number) => (serviceOf(i) === 3 ? i / 7 : i % 5)],
]);

let place: Place;
before(() => {
  place = new Place('logs');
  for (let file = 0; file < FILES; file++) {
    place.add(Array.from({ length: ROWS / FILES }, (_, k) => rowOf(FILES * k + file)));
  }
});

for (const limits of [{}, { memoryLimitBytes: 12 * MIB, maxPieceRows: 3000 }]) {
  describe(`columns of any number of different values, ${JSON.stringify(limits)}`, () => {
    let file: MergedFile;
    before(async () => void (file = await place.mergedByLeaves(limits)));

    test('have all their values, bit by bit, in the order of the key', async () => {
      const before = `SELECT COLUMNS(*)::VARCHAR FROM read_parquet([${place.inputs.map(({ path }) => pattern(path))}], union_by_name = true)`;
      const after = `SELECT COLUMNS(*)::VARCHAR FROM ${pattern(file.path)}`;
      for (const [a, b] of [
        [before, after],
        [after, before],
      ]) {
        const [difference] = await place.query(`SELECT count(*) AS rows FROM (${a} EXCEPT ALL ${b})`);
        assert.equal(difference!.rows, 0n);
      }
      const [order] = await place.query(
        `SELECT count(*) AS wrong FROM (SELECT row(service_name, timestamp) AS key, lag(key) OVER (ORDER BY file_row_number) AS last
         FROM read_parquet(${pattern(file.path)}, file_row_number = true)) WHERE last > key`,
      );
      assert.equal(order!.wrong, 0n);
    });

    test('have the statistics of their rows, row group by row group', async () => {
      const groups = await place.groupRows(file);
      const chunks = await place.query(
        `SELECT row_group_id AS id, path_in_schema AS name, type, stats_min_value AS min, stats_max_value AS max, stats_null_count AS nulls
         FROM ${place.metadata(file)} WHERE NOT contains(path_in_schema, ', ')`,
      );
      let from = 0;
      let bounded = 0;
      for (const [id, rows] of groups.entries()) {
        const own = chunks.filter((chunk) => Number(chunk.id) === id);
        const asked = own.map(({ name, type }, i) => {
          const ends = ['min', 'max'].map((end) => `${knownEnd(end, `"${name}"`, type === 'DOUBLE')} AS ${end}_${i}`);
          return [...ends, `count(*) - count("${name}") AS nulls_${i}`].join(', ');
        });
        const [truth] = await place.query(
          `SELECT ${asked.join(', ')} FROM read_parquet(${pattern(file.path)}, file_row_number = true)
           WHERE file_row_number >= ${from} AND file_row_number < ${from + rows}`,
        );
        for (const [i, { name, min, max, nulls }] of own.entries()) {
          const wanted = ['min', 'max', 'nulls'].map((end) => unsigned(truth![`${end}_${i}`]));
          assert.deepEqual([min, max, nulls].map(unsigned), wanted, `${name} of row group ${id}`);
          if (min !== null) bounded++;
        }
        from += rows;
      }
      assert.equal(from, ROWS);
      assert.ok(bounded > 20 * groups.length);
    });

    test('are found by any of their values, whatever statistics and filters leave out', async () => {
      for (const key of Object.keys(VALUES)) {
        const name = `"attributes.${key}"`;
        const known = await place.query(
          `SELECT ${name}::VARCHAR AS value, count(*) AS rows FROM ${pattern(file.path)} WHERE value IS NOT NULL
           GROUP BY 1 ORDER BY hash(value) LIMIT 8`,
        );
        for (const { value, rows } of known) {
          const [found] = await place.query(
            `SELECT count(*) FILTER (text = '${value}') AS rows
             FROM (SELECT ${name}::VARCHAR AS text FROM ${pattern(file.path)} WHERE ${name} = '${value}')`,
          );
          assert.equal(found!.rows, rows, `${key} = ${value}`);
        }
      }
    });

    test('have bloom filters that leave out what is not there, and nothing else', async () => {
      const others = { severity_text: 'some x', severity_number: '70000' };
      for (const [column, other] of Object.entries(others)) {
        const excluded = async (value: string) => {
          const probe = `parquet_bloom_probe(${pattern(file.path)}, '${column}', '${value}')`;
          return new Set(
            (await place.queryRows(`SELECT row_group_id FROM ${probe} WHERE bloom_filter_excludes`)).map(([id]) =>
              Number(id),
            ),
          );
        };
        for (const [value, groups] of (await groupsByValue(file, column)).slice(0, KNOWN_PROBES)) {
          const out = await excluded(value);
          assert.ok(
            groups.every((id) => !out.has(id)),
            `${column} = ${value}`,
          );
        }
        const [filters] = await place.query(
          `SELECT count(bloom_filter_offset) AS count FROM ${place.metadata(file)} WHERE path_in_schema = '${column}'`,
        );
        let out = 0;
        for (let i = 0; i < BLOOM_PROBES; i++) out += (await excluded(`${other}${i}`)).size;
        assert.ok(filters!.count);
        assert.ok(out >= 0.9 * BLOOM_PROBES * Number(filters!.count), `${column}: ${out} are excluded`);
      }
    });
  });
}

test('a number that may be 0 or -0, or none, is found by its value', async () => {
  const zeros = new Place('logs');
  const values = { minus: [-0, 1, 2], nan: [0, Number.NaN], none: [Number.NaN, Number.NaN], one: [-0] };
  for (let file = 0; file < 2; file++) {
    zeros.add(
      Array.from({ length: 400 }, (_, k) => ({
        timestamp: START_NS + BigInt(2 * k + file),
        attributes: Object.entries(values).map(([key, own]) => typed(key, own[k % own.length]!)),
      })),
    );
  }
  const file = await zeros.mergedByLeaves();
  const found = async (condition: string) =>
    Number((await zeros.queryRows(`SELECT count(*) FROM ${pattern(file.path)} WHERE ${condition}`))[0]![0]);
  const wanted: readonly (readonly [condition: string, rows: number])[] = [
    [`"attributes.minus" = 0`, 268],
    [`"attributes.nan" = 0`, 400],
    [`"attributes.nan" > 0`, 400],
    [`"attributes.nan" = 'nan'`, 400],
    [`"attributes.none" = 'nan'`, 800],
    [`"attributes.one" = 0`, 800],
  ];
  for (const [condition, rows] of wanted) assert.equal(await found(condition), rows, condition);
});

test('a column that has few values again has a dictionary again', async () => {
  const few = new Place('logs');
  for (let file = 0; file < 2; file++) {
    few.add(
      Array.from({ length: 40_000 }, (_, k): PlainRow => {
        const i = 2 * k + file;
        const isFirst = i < 8000;
        return {
          timestamp: START_NS + BigInt(i),
          service_name: isFirst ? 'a' : 'b',
          body: isFirst ? `${i}` : `${i % 5}`,
        };
      }),
    );
  }
  // Pieces of a few thousand rows.
  const file = await few.mergedByLeaves({ memoryLimitBytes: MIB / 16 });
  const chunks = await few.query(
    `SELECT row_group_id, encodings FROM ${few.metadata(file)} WHERE path_in_schema = 'body' ORDER BY row_group_id`,
  );
  assert.match(String(chunks.at(-1)!.encodings), /RLE_DICTIONARY/);
});

/** DuckDB takes bounds for those of all rows, and shows none that are infinite. */
function knownEnd(end: string, column: string, isDouble: boolean): string {
  const value = `${end}(${column})`;
  return isDouble
    ? `CASE WHEN NOT bool_or(isnan(${column})) AND isfinite(${value}) THEN ${value}::VARCHAR END`
    : `${value}::VARCHAR`;
}

/** 0 is -0 to statistics. */
function unsigned(value: unknown): unknown {
  return value === '-0.0' ? '0.0' : value;
}

/** The row groups of each value. */
async function groupsByValue(file: MergedFile, column: string): Promise<[string, number[]][]> {
  const ends: number[] = [];
  for (const rows of await place.groupRows(file)) ends.push(rows + (ends.at(-1) ?? 0));
  const rows = await place.queryRows(
    `SELECT DISTINCT "${column}"::VARCHAR AS value, len(list_filter([${ends}], last -> last <= file_row_number)) AS id
     FROM read_parquet(${pattern(file.path)}, file_row_number = true) ORDER BY hash(value), id`,
  );
  return Object.entries(Object.groupBy(rows, ([value]) => String(value))).map(([value, own]) => [
    value,
    own!.map(([, id]) => Number(id)),
  ]);
}

function rowOf(i: number): PlainRow {
  return {
    timestamp: START_NS + BigInt(i) * 1000n,
    observed_timestamp: i % 9 < 3 ? null : START_NS + BigInt(scattered(i, 1000)),
    severity_number: 7 * scattered(i, 500),
    severity_text: `some ${scattered(i, 900)}`,
    event_name: `three ${i % 3}`,
    service_name: `service ${serviceOf(i)}`,
    body: i % 2000 < 700 ? null : `body ${i % 100 < 50 ? i : i % 7}`,
    attributes: Object.entries(VALUES).flatMap(([key, valueAt], n) => (isNull(i, n) ? [] : [typed(key, valueAt(i))])),
  };
}

/** Stretches of rows without a value, others for each column. */
function isNull(i: number, column: number): boolean {
  return (i >> 10) % 7 === column % 7;
}

/** Most rows are of the first services. */
function serviceOf(i: number): number {
  return Math.floor(SERVICES * ((i % 1000) / 1000) ** 2);
}

/** One of so many numbers, in no order. */
function scattered(i: number, count: number): number {
  return (i * 7919) % count;
}

function intOf(n: number): bigint {
  return EXTREME_INTS[n] ?? BigInt(n) * (n % 2 === 0 ? 1_000_003n : -(2n ** 40n));
}

function doubleOf(n: number): number {
  return EXTREME_DOUBLES[n] ?? (n % 2 === 0 ? n / 8 : -n * 1e200);
}

function typed(key: string, value: Value): PlainAttribute {
  const types = { string: 'string', bigint: 'int', number: 'double', boolean: 'bool' } as const;
  return { key, type: types[typeof value as keyof typeof types], value };
}

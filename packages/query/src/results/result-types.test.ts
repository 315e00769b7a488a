import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type Table, tableFromIPC, tableToIPC } from 'apache-arrow';
import { resultToArrowStream, resultToJson, resultToNdjson } from '../formats/formats.ts';
import { QueryEngine } from '../query-engine.ts';
import { rowsOf, textOf } from '../testing/rows-of.ts';
import { TestSource } from '../testing/test-source.ts';
import { rowObjects } from './row-values.ts';

/** SQL of a value, its type's name, and what it is in JSON. */
const VALUES: readonly [sql: string, type: string, json: unknown][] = [
  ['true', 'BOOLEAN', true],
  ['(-128)::tinyint', 'TINYINT', -128],
  ['(-32768)::smallint', 'SMALLINT', -32768],
  ['(-2147483648)::integer', 'INTEGER', -2147483648],
  ['9007199254740991::bigint', 'BIGINT', 9007199254740991],
  ['9007199254740993::bigint', 'BIGINT', '9007199254740993'],
  ["'-9223372036854775808'::bigint", 'BIGINT', '-9223372036854775808'],
  ['255::utinyint', 'UTINYINT', 255],
  ['65535::usmallint', 'USMALLINT', 65535],
  ['4294967295::uinteger', 'UINTEGER', 4294967295],
  ['18446744073709551615::ubigint', 'UBIGINT', '18446744073709551615'],
  ['7::hugeint', 'HUGEINT', 7],
  ["'-170141183460469231731687303715884105728'::hugeint", 'HUGEINT', '-170141183460469231731687303715884105728'],
  ["'340282366920938463463374607431768211455'::uhugeint", 'UHUGEINT', '340282366920938463463374607431768211455'],
  ['1.5::float', 'FLOAT', 1.5],
  ['0.1::double', 'DOUBLE', 0.1],
  ["'-0.0'::double", 'DOUBLE', -0],
  ["'nan'::double", 'DOUBLE', 'NaN'],
  ["'inf'::float", 'FLOAT', 'Infinity'],
  ["'-inf'::double", 'DOUBLE', '-Infinity'],
  ['1.50::decimal(4,2)', 'DECIMAL(4,2)', 1.5],
  ['(-0.05)::decimal(9,2)', 'DECIMAL(9,2)', -0.05],
  ['1234567890123.45::decimal(18,2)', 'DECIMAL(18,2)', 1234567890123.45],
  [
    "'-12345678901234567890123456789012.345678'::decimal(38,6)",
    'DECIMAL(38,6)',
    '-12345678901234567890123456789012.345678',
  ],
  ["'text'", 'VARCHAR', 'text'],
  ["''", 'VARCHAR', ''],
  [
    "'quote \" slash \\ tab \t line \n bell ' || chr(7) || ' ünï 🦆 ' || chr(0)",
    'VARCHAR',
    'quote " slash \\ tab \t line \n bell \u0007 ünï 🦆 \u0000',
  ],
  ["'\\x00\\xFF\\x10'::blob", 'BLOB', 'AP8Q'],
  [
    "'a blob that is longer than twelve'::blob",
    'BLOB',
    Buffer.from('a blob that is longer than twelve').toString('base64'),
  ],
  ["date '2024-02-29'", 'DATE', '2024-02-29'],
  ["date '0001-01-01'", 'DATE', '0001-01-01'],
  ["date '1969-12-31'", 'DATE', '1969-12-31'],
  ["time '23:59:59.000001'", 'TIME', '23:59:59.000001'],
  ["'12:34:56.123456789'::time_ns", 'TIME_NS', '12:34:56.123456789'],
  ["timestamp '2024-02-29 12:34:56.789'", 'TIMESTAMP', '2024-02-29T12:34:56.789000Z'],
  ["timestamp '1969-12-31 23:59:59.999999'", 'TIMESTAMP', '1969-12-31T23:59:59.999999Z'],
  ["'2024-02-29 12:34:56'::timestamp_s", 'TIMESTAMP_S', '2024-02-29T12:34:56Z'],
  ["'2024-02-29 12:34:56.789'::timestamp_ms", 'TIMESTAMP_MS', '2024-02-29T12:34:56.789Z'],
  ["'2024-02-29 12:34:56.123456789'::timestamp_ns", 'TIMESTAMP_NS', '2024-02-29T12:34:56.123456789Z'],
  ["'1677-09-22 00:12:44.000000001'::timestamp_ns", 'TIMESTAMP_NS', '1677-09-22T00:12:44.000000001Z'],
  ["'2024-02-29 12:34:56+02'::timestamptz", 'TIMESTAMP WITH TIME ZONE', '2024-02-29T10:34:56.000000Z'],
  ["'infinity'::timestamp", 'TIMESTAMP', 'infinity'],
  ["'12:00:00+02'::timetz", 'TIME WITH TIME ZONE', '12:00:00+02'],
  ["interval '1 year 2 days 3 seconds'", 'INTERVAL', '1 year 2 days 00:00:03'],
  ["'d9c2f2b5-6a5e-4f0a-8a55-0123456789ab'::uuid", 'UUID', 'd9c2f2b5-6a5e-4f0a-8a55-0123456789ab'],
  ["'00000000-0000-0000-0000-000000000000'::uuid", 'UUID', '00000000-0000-0000-0000-000000000000'],
  ["'b'::enum('a', 'b')", "ENUM('a', 'b')", 'b'],
  ["'10101'::bit", 'BIT', '10101'],
  ["'123456789012345678901234567890123456789012'::bignum", 'BIGNUM', '123456789012345678901234567890123456789012'],
  ['[1, null, 3]', 'INTEGER[]', [1, null, 3]],
  ['[]::varchar[]', 'VARCHAR[]', []],
  [
    "[['a'], [], null, ['b', 'longer than twelve bytes']]",
    'VARCHAR[][]',
    [['a'], [], null, ['b', 'longer than twelve bytes']],
  ],
  ['[1, 2]::bigint[2]', 'BIGINT[2]', [1, 2]],
  ["{'a': 1, 'b': {'c': ['x']}}", 'STRUCT("a" INTEGER, "b" STRUCT("c" VARCHAR[]))', { a: 1, b: { c: ['x'] } }],
  ["map {'k': 1, 'l': null}", 'MAP(VARCHAR, INTEGER)', { k: 1, l: null }],
  ['map {1: [true]}', 'MAP(INTEGER, BOOLEAN[])', { 1: [true] }],
  ["map {date '2024-01-01': 1}", 'MAP(DATE, INTEGER)', { '2024-01-01': 1 }],
  ["[{'k': 9007199254740993}]", 'STRUCT("k" BIGINT)[]', [{ k: '9007199254740993' }]],
  ['union_value(num := 2)', 'UNION("num" INTEGER)', '2'],
  ['null', 'INTEGER', null],
];

describe('a result', () => {
  let engine: QueryEngine;
  before(() => {
    engine = new QueryEngine({ source: new TestSource() });
  });
  after(() => engine.close());

  for (const [sql, type, expected] of VALUES) {
    it(`keeps ${type}: ${sql}`, async () => {
      // Beside a null, and more than one, so that bitmaps and offsets count.
      const query = `select v from (select 0 as i, ${sql} as v union all select 1, null union all select 2, ${sql}) order by i`;
      const result = await engine.query(query);
      assert.equal(result.columns[0]!.type, type);
      const json = JSON.parse(await textOf(resultToJson(result)));
      assert.deepEqual(json.rows, [[expected], [null], [expected]]);
      assert.deepEqual(json.columns, [{ name: 'v', type }]);
      const lines = (await textOf(resultToNdjson(await engine.query(query)))).trimEnd().split('\n');
      assert.deepEqual(
        lines.map((line) => JSON.parse(line)),
        [{ v: expected }, { v: null }, { v: expected }],
      );
    });
  }

  it('says what DuckDB itself casts to text', async () => {
    const texts = VALUES.filter(
      ([, type]) =>
        /INT|DECIMAL|VARCHAR$|DATE$|UUID|ENUM|BIT|BIGNUM|INTERVAL|UNION|TIME WITH/.test(type) &&
        !type.includes('MAP') &&
        !type.includes('['),
    );
    const sql = `select ${texts.map(([value], i) => `${value} as v${i}, (${value})::varchar as t${i}`).join(', ')}`;
    const [row] = await (await engine.query(sql)).rows();
    texts.forEach(([value, type], i) => {
      if (!type.startsWith('STRUCT')) assert.equal(row![`v${i}`]?.toString() ?? null, row![`t${i}`], value);
    });
  });

  it('is plain Arrow: it goes through IPC and back', async () => {
    const sql = `select * from (select ${VALUES.map(([value], i) => `${value} as v${i}`).join(', ')}) , range(3)`;
    const table = await (await engine.query(sql)).toArrow();
    const rows = valuesOf(table);
    assert.equal(rows.length, 3);
    assert.deepEqual(valuesOf(tableFromIPC(tableToIPC(table))), rows);
    const chunks: Uint8Array[] = [];
    for await (const chunk of resultToArrowStream(await engine.query(sql))) chunks.push(chunk);
    assert.deepEqual(valuesOf(tableFromIPC(Buffer.concat(chunks))), rows);
  });

  it('has its schema when it has no rows', async () => {
    const sql = "select 1 as a, 'x' as b where false";
    assert.equal((await (await engine.query(sql)).toArrow()).schema.fields.length, 2);
    assert.deepEqual(JSON.parse(await textOf(resultToJson(await engine.query(sql)))).rows, []);
    assert.equal(await textOf(resultToNdjson(await engine.query(sql))), '');
    const chunks: Uint8Array[] = [];
    for await (const chunk of resultToArrowStream(await engine.query(sql))) chunks.push(chunk);
    assert.equal(tableFromIPC(Buffer.concat(chunks)).schema.fields.length, 2);
  });

  it('gives rows as objects', async () => {
    const sql = `select 1::bigint b, 2::integer i, '2024-01-01 00:00:00.5'::timestamp t, '1970-01-01 00:00:00.000000001'::timestamp_ns n,
      1.5::decimal(3,1) d, 3::hugeint h, map {'__proto__': 'x'} m, [1, null] l, {'a': 'b'} s, 'x'::blob x, date '2024-01-01' dt, time '01:02:03' tm`;
    const [row] = await (await engine.query(sql)).rows();
    assert.deepEqual(row, {
      b: 1n,
      i: 2,
      t: 1_704_067_200_500_000_000n,
      n: 1n,
      d: '1.5',
      h: 3n,
      m: Object.fromEntries([['__proto__', 'x']]),
      l: [1, null],
      s: { a: 'b' },
      x: new Uint8Array([0x78]),
      dt: '2024-01-01',
      tm: '01:02:03.000000',
    });
  });

  it('is the same as DuckDB gives for many rows of nested values', async () => {
    const rows = 70_000; // more than two batches
    const sql = `select i, case when i % 3 = 0 then null else repeat('é', i % 20) end s, list_transform(range(i % 4), lambda x: repeat('y', (x * 9)::int)) l,
      map {'k' || i: i} m, case when i % 5 = 0 then null else {'a': i, 'b': [i]} end t, i % 2 = 0 b from range(${rows}) r(i) order by i`;
    const result = await engine.query(sql);
    let i = 0;
    for await (const batch of result) {
      for (const row of rowObjects(batch)) {
        const expected = {
          i: BigInt(i),
          s: i % 3 === 0 ? null : 'é'.repeat(i % 20),
          l: Array.from({ length: i % 4 }, (_, x) => 'y'.repeat(9 * x)),
          m: { [`k${i}`]: BigInt(i) },
          t: i % 5 === 0 ? null : { a: BigInt(i), b: [BigInt(i)] },
          b: i % 2 === 0,
        };
        if (!isDeepStrictEqual(row, expected)) assert.deepEqual(row, expected);
        i++;
      }
    }
    assert.equal(i, rows);
    assert.ok(result.stats.batches >= 2);
    assert.equal(result.stats.rows, rows);
  });

  it('gathers lists whose entries are not in order', async () => {
    const rows = await rowsOf(
      engine,
      "with t as materialized (select i, [i, i + 1] l, [['a' || i]] n from range(5000) r(i)) select a.l, a.n from t a join t b on a.i = 4999 - b.i where b.i < 10 order by b.i",
    );
    assert.deepEqual(rows[1], [[4998n, 4999n], [['a4998']]]);
  });
});

function valuesOf(table: Table): Record<string, unknown>[] {
  return table.batches.flatMap((batch) => [...rowObjects(batch)]);
}

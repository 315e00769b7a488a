import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DataFile } from '@openwit/ports';
import fc from 'fast-check';
import { QueryEngine } from '../query-engine.ts';
import { memoryBatch, type TestAttribute, type TestRow } from '../testing/column-builders.ts';
import { attributeColumns, attributeText, TestFiles } from '../testing/data-files.ts';
import { rowsOf } from '../testing/rows-of.ts';
import { TestSource } from '../testing/test-source.ts';

const COLUMNS = attributeColumns({
  'attributes.code': 'int64',
  'attributes.ratio': 'float64',
  'attributes.ok': 'bool',
  'attributes.http.route': 'text',
  "attributes.it's": 'text',
  'resource_attributes.host.name': 'text',
});

/** Each query under many placements of the same rows must give the same. */
const QUERIES = [
  "select attributes['code'], count(*) from traces group by 1 order by all",
  "select attributes['code']::int as code, attributes['code']::bigint from traces order by all",
  "select try_cast(attributes['code'] as double), try_cast(attributes['code'] as utinyint) from traces order by all",
  "select attributes['ratio'] r, attributes['ratio']::double + 1 from traces order by all",
  "select attributes['ratio']::double from traces order by all",
  "select try_cast(attributes['mixed'] as bigint), try_cast(attributes['mixed'] as double) from traces order by all",
  "select try_cast(attributes['mixed'] as bigint) m from traces where m > 0 order by all",
  "select attributes['ok']::boolean, count(*) from traces group by all order by all",
  "select attributes['ok'] from traces where attributes['ok'] = 'true' or attributes['ok'] is null order by all",
  "select t.attributes['http.route'], resource_attributes['host.name'] from traces t order by all",
  "select attributes['http.route'] as route from traces where route like '/%' order by all",
  "select attributes['it''s'], map_contains(attributes, 'it''s'), map_contains(attributes, 'none') from traces order by all",
  "select map_extract_value(attributes, 'code') from traces order by all",
  "select span_id from traces where attributes['code']::int >= 100 order by all",
  'select map_keys(attributes).list_sort(), map_entries(attributes).list_sort() from traces order by all',
  'select map_entries(attribute_types).list_sort(), map_entries(resource_attribute_types).list_sort() from traces order by all',
  'select map_entries(resource_attributes).list_sort() from traces order by all',
  "select * exclude (attributes, attribute_types, resource_attributes, events) from traces where attributes['code'] is not null order by all",
  "select cardinality(attributes), attributes['code'] from traces order by all",
  "select a.attributes['code'] x, b.attributes['http.route'] y from traces a join traces b using (span_id) order by all",
  "with x as (select *, attributes['code'] as c from traces) select c, attributes['http.route'] from x order by all",
  "select (select max(l.attributes['code']) from traces l where l.span_id = t.span_id and t.attributes['code'] is not null) from traces t order by all",
  "select span_id from traces t where exists (select 1 from traces u where u.attributes['code'] = t.attributes['code'] and u.span_id <> t.span_id) order by all",
  "select attributes['code'], count(*) from traces group by attributes['code'] having count(*) > 1 order by attributes['code']",
  "select attributes['code']::int, count(*) from traces group by attributes['code'] order by all",
  "select attributes['code'], map_keys(attributes).list_sort() from traces group by attributes order by all",
  "select distinct on (attributes['code']) attributes['code'] from traces order by attributes['code']",
  "select row_number() over (partition by attributes['code'] order by span_id), attributes['code'] from traces order by all",
  "select attributes['http.route'] from traces union all select attributes['code'] from traces order by 1",
  "select 'x' as attributes, t.attributes['code'] from traces t order by all",
  "select list_filter([map {'code': 'l'}], lambda attributes: attributes['code'] = 'l').len(), attributes['code'] from traces order by all",
  "select events[1].attributes['n'], map_entries(events[1].attribute_types) from traces order by all",
  "select e.attributes['n'] from traces, unnest(events) u(e) order by all",
  'select len(columns) from (select list(t) as columns from traces t)',
  "select (t).span_id, t.attributes['code'] from traces t order by all",
  'select count(*) from traces',
  "select columns('attribute.*') is null from (select attributes['code'] attribute_code from traces) order by all",
];

const files = new TestFiles();
after(() => files.remove());

const attribute = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double(),
  fc.boolean(),
) as fc.Arbitrary<TestAttribute>;

const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });

/** Keys of one type (they may become columns), one of any type, and some that stay in the map. */
const row = fc
  .record({
    code: optional(fc.oneof(fc.bigInt({ min: 0n, max: 599n }), fc.constant(2n ** 31n - 1n))),
    ratio: optional(fc.double()),
    ok: optional(fc.boolean()),
    'http.route': optional(
      fc.constantFrom('', '/', '/users/:id', '/a-route-that-is-longer-than-an-entry', '/ünïcödé/🦆'),
    ),
    "it's": optional(fc.constantFrom('quoted', "it's")),
    mixed: optional(attribute),
    list: optional(fc.constant([1, 'two'])),
    bytes: optional(fc.constant(new Uint8Array([1, 2, 255]))),
    nothing: optional(fc.constant(null)),
  })
  .chain((attributes) =>
    fc.record({ attributes: fc.constant(present(attributes)), host: fc.constantFrom('a', 'host-with-a-long-name') }),
  );

function present(attributes: Record<string, unknown>): Record<string, TestAttribute> {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)) as Record<
    string,
    TestAttribute
  >;
}

function tableRow(
  { attributes, host }: { attributes: Record<string, TestAttribute>; host: string },
  i: number,
): TestRow {
  return {
    timestamp: BigInt(i),
    trace_id: '0'.repeat(32),
    span_id: String(i).padStart(16, '0'),
    service_name: host,
    attributes,
    resource_attributes: { 'host.name': host, 'service.name': host },
    events: [{ timestamp: 1n, name: 'e', attributes: { n: BigInt(i), s: 'x' } }],
  };
}

describe('attributes', () => {
  const source = new TestSource();
  let engine: QueryEngine;
  before(() => {
    engine = new QueryEngine({ source }, { dataDirs: [files.dir] });
  });
  after(() => engine.close());

  it('give the same in memory, in maps of files and in columns of files', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 3, maxLength: 12 }), async (random) => {
        const rows = random.map(tableRow);
        const [first, rest] = [rows.slice(0, 2), rows.slice(2)];
        const placements = {
          memory: { batches: [memoryBatch('traces', rows)], files: [] as DataFile[] },
          maps: { files: [await files.write('traces', rows)] },
          columns: { files: [await files.write('traces', rows, COLUMNS)] },
          all: {
            batches: [memoryBatch('traces', first.slice(0, 1)), memoryBatch('traces', first.slice(1))],
            files: [
              await files.write('traces', rest.slice(0, 1), COLUMNS.slice(0, 2)),
              ...(rest.length > 1 ? [await files.write('traces', rest.slice(1), COLUMNS.slice(1))] : []),
            ],
          },
        };
        const answers: Record<string, unknown> = {};
        for (const [name, placement] of Object.entries(placements)) {
          source.tenants.set('default', { traces: { attributeColumns: COLUMNS, ...placement } });
          for (const sql of QUERIES) {
            const result = await outcome(engine, sql);
            if (name === 'memory') answers[sql] = result;
            else assert.deepEqual(result, answers[sql], `${name}: ${sql}`);
          }
        }
        // And the first is right: the texts are those of the values.
        const codes = await rowsOf(
          engine,
          "select attributes['code'], attributes['mixed'] from traces order by span_id",
        );
        assert.deepEqual(
          codes,
          random.map(({ attributes: { code, mixed } }) =>
            [code, mixed].map((value) => (value === undefined ? null : attributeText(value))),
          ),
        );
      }),
      { numRuns: 12, interruptAfterTimeLimit: 300_000 },
    );
  });

  it('are NULL in a table without rows', async () => {
    source.tenants.set('default', {});
    assert.deepEqual(await rowsOf(engine, "select attributes['a'] from traces"), []);
    assert.deepEqual(await rowsOf(engine, "select count(attributes['a']) from metrics"), [[0n]]);
  });

  it('keep the names that DuckDB gives them', async () => {
    source.tenants.set('default', {
      traces: { batches: [memoryBatch('traces', [tableRow({ attributes: { a: 'x' }, host: 'h' }, 1)])] },
    });
    const sql =
      "select attributes['a'], t.attributes['a']::varchar, upper(attributes['a']), now() is null, attributes['a'] as \"A\" from traces t";
    const result = await engine.query(sql);
    assert.deepEqual(
      result.columns.map(({ name }) => name),
      ["attributes['a']", "CAST(t.attributes['a'] AS VARCHAR)", "upper(attributes['a'])", '(now() IS NULL)', 'A'],
    );
    assert.deepEqual(await result.rows().then(([first]) => Object.values(first!)), ['x', 'x', 'X', false, 'x']);
  });

  it('are called what the user calls them when a cast fails', async () => {
    const result = await engine
      .query("select attributes['a']::int from traces")
      .then((r) => r.rows())
      .catch((error) => error);
    assert.equal(
      result.message,
      "Could not convert string 'x' to INT32 when casting from source column attributes['a']",
    );
  });

  it('add no column to a star', async () => {
    const expected = (await engine.query('select * from traces')).columns;
    for (const sql of [
      "select * from traces where attributes['a'] = 'x'",
      "from traces where try_cast(attributes['a'] as int) = 1",
      "select t.* from traces t where t.attributes['a'] is null",
      "select * from (select * from traces where attributes['a'] is null)",
      "select * from traces order by attributes['a']",
    ]) {
      assert.deepEqual((await engine.query(sql)).columns, expected, sql);
    }
    assert.equal(
      (await engine.query("select t from traces t where attributes['a'] is null")).columns[0]!.type.includes('openwit'),
      false,
    );
  });
});

/** Rows, or the error's first line: a cast that fails must fail wherever the value lies. */
async function outcome(engine: QueryEngine, sql: string): Promise<unknown> {
  try {
    return await rowsOf(engine, sql);
  } catch (error) {
    assert.match((error as Error).message, /convert|range|cast/i, `${sql}: ${error}`);
    return 'cast error';
  }
}

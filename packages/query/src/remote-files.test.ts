import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type DataFile, type FileRead, OpenWitError } from '@openwit/ports';
import { QueryEngine } from './query-engine.ts';
import { memoryBatch } from './testing/column-builders.ts';
import { attributeColumns, TestFiles } from './testing/data-files.ts';
import { rowsOf } from './testing/rows-of.ts';
import { TestSource } from './testing/test-source.ts';

const columns = attributeColumns({
  'attributes.route': 'text',
  'attributes.status': 'int64',
  'resource_attributes.host': 'text',
});
const rows = Array.from({ length: 20 }, (_, i) => ({
  timestamp: BigInt(i) * 10_000_000_000n,
  body: `line ${i}`,
  service_name: `s${i % 3}`,
  severity_number: i,
  attributes: { route: `/r${i % 2}`, status: BigInt(i), other: 'x' },
  resource_attributes: { host: 'h' },
}));

describe('a query over remote files', () => {
  const files = new TestFiles();
  const source = new TestSource();
  let engine: QueryEngine;
  let plain: DataFile;
  let wide: DataFile;
  let asked: FileRead[] = [];
  const places = new Map<number, string>();

  function remote(file: DataFile, tier: 'cold' | 'archive' = 'cold'): DataFile {
    places.set(file.fileId, file.path);
    return { ...file, tier, path: `s3://bucket/logs/${file.fileId}.parquet` };
  }

  function setFiles(...all: DataFile[]): void {
    source.tenants.set('default', { logs: { files: all, attributeColumns: columns } });
  }

  before(async () => {
    plain = await files.write('logs', rows.slice(0, 10));
    wide = await files.write('logs', rows.slice(10), columns);
    engine = new QueryEngine({ source }, { dataDirs: [files.dir], maxConcurrentQueries: 1 });
  });
  beforeEach(() => {
    asked = [];
    setFiles(remote(plain), remote(wide, 'archive'));
    source.localise = async (reads) => {
      asked.push(...reads);
      return new Map(reads.map(({ file }) => [file.fileId, places.get(file.fileId)!]));
    };
  });
  after(async () => {
    await engine.close();
    files.remove();
  });

  /** Columns that were asked for, of the file without attribute columns and of the one with them. */
  async function columnsOf(sql: string, params: unknown[] = []): Promise<string[][]> {
    asked = [];
    await rowsOf(engine, sql, { params });
    return [plain, wide].map(({ fileId }) =>
      asked
        .filter(({ file }) => file.fileId === fileId)
        .flatMap((read) => read.columns as string[])
        .sort(),
    );
  }

  it('answers as over local ones, also beside them and beside memory', async () => {
    const queries = [
      'select * from logs order by timestamp',
      'select count(*) from logs',
      "select attributes['status']::int + 1, attributes from logs where attributes['route'] = '/r1' order by 1",
      'select service_name, sum(severity_number) from logs group by all order by all',
      'select a.body from logs a join logs b using (timestamp) order by 1',
    ];
    const batches = [memoryBatch('logs', [{ timestamp: 1_000_000_000_000n, body: 'in memory' }])];
    for (const sql of queries) {
      const answers: unknown[] = [];
      for (const all of [
        [plain, wide],
        [remote(plain), remote(wide)],
        [plain, remote(wide)],
      ]) {
        source.tenants.set('default', { logs: { files: all, attributeColumns: columns, batches } });
        answers.push(await rowsOf(engine, sql));
      }
      assert.deepEqual(answers[1], answers[0], sql);
      assert.deepEqual(answers[2], answers[0], sql);
    }
  });

  it('does not read lists and maps that are empty in every row', async () => {
    const empty = [...['scope_attributes', 'scope_attribute_types'], ...['resource_attributes', 'attribute_types']];
    const sql = `select scope_attributes, resource_attributes, resource_attributes['host'] as host, attributes, attribute_types,
      scope_attributes['x'] as x from logs where severity_number >= 10 order by timestamp`;
    const known = [{ ...plain, rows: 10 }, wide].map((file) => ({ ...file, emptyColumns: empty }));
    source.tenants.set('default', { logs: { files: [plain, wide], attributeColumns: columns } });
    const wanted = await rowsOf(engine, sql);
    assert.equal(wanted.length, 10);
    setFiles(...known.map((file) => remote(file)));
    assert.deepEqual(await rowsOf(engine, sql), wanted);
    assert.deepEqual(await columnsOf('select resource_attributes, scope_attributes from logs'), [
      [],
      ['resource_attributes.host'],
    ]);
    assert.deepEqual(await columnsOf("select resource_attributes['host'], scope_attributes['x'] from logs"), [
      [],
      ['resource_attributes.host'],
    ]);
  });

  it('asks for exactly the stored columns that it reads', async () => {
    assert.deepEqual(await columnsOf('select body from logs where severity_number > 3'), [
      ['body', 'severity_number'],
      ['body', 'severity_number'],
    ]);
    assert.deepEqual(await columnsOf("select attributes['route'] from logs"), [['attributes'], ['attributes.route']]);
    assert.deepEqual(await columnsOf("select attributes['other'] from logs"), [['attributes'], ['attributes']]);
    assert.deepEqual(await columnsOf("select 1 from logs where attributes['status']::int > 4"), [
      ['attributes'],
      ['attributes.status'],
    ]);
    assert.deepEqual(await columnsOf('select attributes from logs'), [
      ['attributes'],
      ['attributes', 'attributes.route', 'attributes.status'],
    ]);
    assert.deepEqual(await columnsOf('select attribute_types from logs'), [
      ['attribute_types'],
      ['attribute_types', 'attributes.status'],
    ]);
    assert.deepEqual(await columnsOf('select max(timestamp) from logs'), [['timestamp'], ['timestamp']]);
    assert.deepEqual(await columnsOf('select body, count(*) from logs group by all order by all'), [
      ['body'],
      ['body'],
    ]);
    const narrow = [
      'select * from (select body, count(*) as n from logs group by all) where n > 0',
      'with b as (select body from logs) select * from b order by all',
      'select * from (select 1) cross join (select body from logs)',
      'select count(*) from (select body from logs union all select body from logs)',
    ];
    for (const sql of narrow) {
      const columns = (await columnsOf(sql)).map((names) => [...new Set(names)]);
      assert.deepEqual(columns, [['body'], ['body']], sql);
    }
    const all = await columnsOf('select * from logs');
    for (const sql of [
      'from logs',
      'select l from logs l',
      'select l.* from logs l',
      'select columns(*) from logs',
      'select count(*) from (select l.* from (select 1) join logs l on true)',
      'select #2 from logs',
      'select to_json(l) from logs l',
      'select unnest(l) from logs l',
    ])
      assert.deepEqual(await columnsOf(sql), all, sql);
    assert.ok(all[0]!.length > 15 && all[1]!.length === all[0]!.length + columns.length);
  });

  it('asks for no column to count rows', async () => {
    assert.deepEqual(await columnsOf('select count(*) from logs'), [[], []]);
    assert.deepEqual(asked.length, 2);
    assert.deepEqual(await rowsOf(engine, 'select count(*) from logs'), [[20n]]);
    assert.deepEqual(await columnsOf('select 1 from logs limit 1'), [[], []]);
  });

  it('gives a column that is named by its position', async () => {
    const [first] = await rowsOf(engine, 'select #1 from logs order by 1');
    assert.deepEqual(first, (await rowsOf(engine, 'select timestamp from logs order by 1'))[0]);
  });

  it('asks for no file that its time range leaves out', async () => {
    const sql = "select body from logs where timestamp < '1970-01-01 00:01:00'";
    assert.deepEqual(await columnsOf(sql), [['body', 'timestamp'], []]);
    assert.deepEqual(asked.length, 1);
  });

  it('asks for nothing when it is wrong, or reads local files only', async () => {
    await assert.rejects(engine.query('select nothing from logs'), { code: 'QUERY_INVALID' });
    await assert.rejects(engine.query("select attributes['k']::nonsense from logs"), { code: 'QUERY_INVALID' });
    setFiles(plain, wide);
    await rowsOf(engine, 'select * from logs');
    assert.deepEqual(asked, []);
  });

  it('ends with the error of the fetch', async () => {
    source.localise = () =>
      Promise.reject(new OpenWitError('data', 'OBJECT_NOT_FOUND', 'gone', { details: { key: 'k' } }));
    await assert.rejects(engine.query('select body from logs'), { code: 'OBJECT_NOT_FOUND', kind: 'data' });
    source.localise = undefined;
    await assert.rejects(engine.query('select body from logs'), { code: 'STORE_UNAVAILABLE' });
    setFiles(plain);
    assert.deepEqual(await rowsOf(engine, 'select count(*) from logs'), [[10n]], 'the engine goes on');
    assert.equal(source.open, 0);
  });

  it('keeps to its timeout and its cancel while it waits, and the fetch hears of it', async () => {
    const reasons: unknown[] = [];
    source.localise = (_, signal) =>
      new Promise((_resolve, reject) => {
        signal!.addEventListener('abort', () => {
          reasons.push((signal!.reason as OpenWitError).code);
          reject(signal!.reason);
        });
      });
    await assert.rejects(engine.query('select body from logs', { timeoutMs: 50 }), { code: 'QUERY_TIMEOUT' });
    const controller = new AbortController();
    const pending = engine.query('select body from logs', { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(pending, { code: 'QUERY_CANCELLED' });
    assert.deepEqual(reasons, ['QUERY_TIMEOUT', 'QUERY_CANCELLED']);
    setFiles(plain);
    assert.deepEqual(await rowsOf(engine, 'select count(*) from logs'), [[10n]], 'its place is free again');
    assert.equal(source.open, 0, 'its snapshot is released');
  });
});

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isOpenWitError } from '@openwit/ports';
import { QueryEngine } from '../query-engine.ts';
import { memoryBatch } from '../testing/column-builders.ts';
import { TestFiles } from '../testing/data-files.ts';
import { rowsOf } from '../testing/rows-of.ts';
import { TestSource } from '../testing/test-source.ts';
import { LOGICAL_TABLES } from './logical-table.ts';

const files = new TestFiles();
const csv = join(files.dir, 'secret.csv');
writeFileSync(csv, 'secret\n42\n');
const logs = { logs: { batches: [memoryBatch('logs', [{ timestamp: 1n, body: 'mine' }])] } };
const source = new TestSource(logs);
source.tenants.set('other', { logs: { batches: [memoryBatch('logs', [{ timestamp: 1n, body: 'theirs' }])] } });
let engine: QueryEngine;

before(() => {
  engine = new QueryEngine({ source });
});
after(async () => {
  await engine.close();
  files.remove();
});

const FORBIDDEN = [
  // files
  `select * from read_csv('${csv}')`,
  `from read_text('${csv}')`,
  `from '${csv}'`,
  `from "${csv}"`,
  `select * from glob('/*')`,
  `select * from read_parquet('${files.dir}/*.parquet')`,
  `select * from parquet_metadata('x.parquet')`,
  `select '${csv}'.read_text()`,
  `select * from sniff_csv('${csv}')`,
  // statements
  'select 1; select 2',
  'select 1; drop table logs',
  'create table t (a int)',
  'create macro m() as 1',
  'insert into logs values (1)',
  'delete from logs',
  'drop table logs',
  `attach '${csv}' as x`,
  `copy logs to '${files.dir}/out.csv'`,
  `copy (select 1) to '${files.dir}/out.csv'`,
  'pragma database_list',
  'set threads = 8',
  'reset threads',
  'install httpfs',
  'load httpfs',
  'call pragma_version()',
  'checkpoint',
  'prepare p as select 1',
  'execute p',
  'explain analyze select 1',
  'begin',
  "export database 'x'",
  'vacuum',
  'use main',
  'pivot logs on service_name using count(*)',
  // the engine's state
  'select * from information_schema.tables',
  'select * from duckdb_settings()',
  'select * from duckdb_tables',
  'from duckdb_functions()',
  'select * from pg_catalog.pg_tables',
  'select * from pg_class',
  'select * from sqlite_master',
  'show tables',
  'show all tables',
  'from (show tables)',
  "select current_setting('memory_limit')",
  "select levenshtein(repeat('a', 1000000), repeat('b', 1000000))",
  "select json_structure(repeat('[', 200000))",
  "select json_merge_patch('{}', repeat('[', 200000))",
  "select json_contains('[]', repeat('[', 200000))",
  "select repeat('[', 200000)::json::variant",
  "select try_cast('1' as variant[])",
  "select from_json('[]', repeat('[', 200000))",
  `select from_json('[]', '${'['.repeat(1000)}"INT"${']'.repeat(1000)}')`,
  "select getvariable('x')",
  "select getenv('HOME')",
  'select current_query()',
  "select nextval('s')",
  "select write_log('x')",
  'select sleep_ms(1000)',
  'select setseed(0.5)',
  'select pg_catalog.pg_get_viewdef(1)',
  "select json_serialize_plan('select 1')",
  "from query('select 1')",
  "from query_table('logs')",
  "from json_execute_serialized_sql('{}')",
  "from sql_auto_complete('sel')",
  'select sum(severity_number) export_state from logs',
  // the memory function itself
  "from openwit_memory('x')",
  // other tenants
  'select * from other.logs',
  'select * from main.logs',
  'select * from memory.main.logs',
  'select * from logs at (version => 1)',
  // hidden places
  "select (select max(filename) from read_csv('x'))",
  "with a as (from read_csv('x')) select 1",
  "with a as materialized (from read_csv('x')) select * from a",
  "select * from logs where body in (select content from read_text('x'))",
  'select * from logs, lateral (select * from read_text(body)) x',
  "select list_transform([1], lambda x: getenv('HOME'))",
  "select count(*) filter (where getenv('HOME') = 'x') from logs",
  "select row_number() over (order by getenv('HOME')) from logs",
  "select 1 order by getenv('HOME')",
  'select 1 limit (select count(*) from duckdb_settings())',
  "select 1 union all select count(*) from glob('*')",
  "select * replace (getenv('HOME') as body) from logs",
  "from (values (getenv('HOME')))",
  "from (pivot (from duckdb_settings()) on name in ('threads') using first(value))",
  "select case when true then getenv('HOME') end",
  "select /* harmless */ getenv/**/('HOME') -- really",
  "select getenv ( 'HOME' )",
  'select "getenv"(\'HOME\')',
  "select GETENV('HOME')",
];

/** A name of DuckDB's catalog taken for that of a CTE where DuckDB would not see the CTE. */
const NOT_IN_SCOPE = [
  'with duckdb_tables as (select * from duckdb_tables) select * from duckdb_tables',
  'with recursive duckdb_tables as (select * from duckdb_tables union all select * from duckdb_tables) select * from duckdb_tables',
  'select * from (with pg_class as (select 1) select 1), pg_class',
  'with a as (select * from sqlite_master), sqlite_master as (select 1) select * from a',
];

describe('what a query may do', () => {
  for (const sql of [...FORBIDDEN, ...NOT_IN_SCOPE]) {
    it(`is refused: ${sql.replaceAll(files.dir, '')}`, async () => {
      await assert.rejects(engine.query(sql), (error) => {
        assert.ok(isOpenWitError(error), String(error));
        assert.equal(error.kind, 'invalid');
        assert.ok(['QUERY_FORBIDDEN', 'QUERY_INVALID'].includes(error.code), error.code);
        assert.doesNotMatch(error.message, /\b42\b|theirs/);
        return true;
      });
    });
  }

  it('names the function and its position', async () => {
    await assert.rejects(engine.query("select 'é', getenv('HOME')"), {
      code: 'QUERY_FORBIDDEN',
      message: 'function is not allowed, function=`getenv`',
      details: { position: 12 },
    });
  });

  it('names an unknown table and its position', async () => {
    await assert.rejects(engine.query('select 1 from spans'), {
      code: 'QUERY_INVALID',
      message: 'table does not exist, there are traces, logs and metrics, table=`spans`',
      details: { position: 14 },
    });
  });

  it('tells where a second statement begins', async () => {
    await assert.rejects(engine.query('select 1;  select 2'), { code: 'QUERY_FORBIDDEN', details: { position: 18 } });
  });

  it('tells where the syntax is wrong', async () => {
    await assert.rejects(engine.query('select from where'), { code: 'QUERY_INVALID', details: { position: 12 } });
    await assert.rejects(engine.query(''), { code: 'QUERY_INVALID', message: 'there is no statement' });
    await assert.rejects(engine.query('select 1e400'), { code: 'QUERY_INVALID' });
  });

  it('tells where a column is unknown, with candidates, whatever was rewritten before it', async () => {
    const sql = "select now(), attributes['a'], bodyy from logs";
    await assert.rejects(engine.query(sql), (error: Error & { details: object }) => {
      assert.match(error.message, /Referenced column "bodyy" not found.*\n.*"body"/);
      assert.doesNotMatch(error.message, /openwit_/);
      assert.deepEqual(error.details, { position: sql.indexOf('bodyy') });
      return true;
    });
  });

  it('sees the rows of its own tenant only', async () => {
    assert.deepEqual(await rowsOf(engine, 'select body from logs'), [['mine']]);
    assert.deepEqual(await rowsOf(engine, 'select body from logs', { tenant: 'other' }), [['theirs']]);
    assert.deepEqual(await rowsOf(engine, 'select body from logs', { tenant: 'new' }), []);
    await assert.rejects(engine.query('select 1', { tenant: '../x' }), { code: 'INVALID_TENANT' });
  });

  it('is all of SELECT', async () => {
    const one = async (sql: string) => (await rowsOf(engine, sql))[0];
    assert.deepEqual(await one('with logs as (select 7 as body) select body from logs'), [7]);
    assert.deepEqual(await one('with logs as (select body from logs) select * from logs'), ['mine']);
    assert.deepEqual(await one('with Logs as (select 7 as body) select LOGS.body from LOGS'), [7]);
    assert.deepEqual(await one('with a as (select 1 as x), b as (select x + 1 as y from a) select y from b'), [2]);
    assert.deepEqual(
      await one(
        'with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) select sum(n)::int from t',
      ),
      [15],
    );
    assert.deepEqual(await one('from LOGS select body'), ['mine']);
    assert.deepEqual(await one('select "body" from "logs"'), ['mine']);
    assert.deepEqual(await one('select l.body from logs as l join logs m using (timestamp)'), ['mine']);
    assert.deepEqual(await one('select x from unnest([3]) u(x)'), [3]);
    assert.deepEqual(await one('select count(*)::int from range(10)'), [10]);
    assert.deepEqual(await one('select body.upper() from logs'), ['MINE']);
    assert.deepEqual(await one('select list_transform([1, 2], lambda x: x + 1)'), [[2, 3]]);
    assert.deepEqual(await one('select list_reduce([1, 2], lambda a, b: a + b)'), [3]);
    assert.deepEqual(await one('select [x * 2 for x in [1, 2] if x > 1]'), [[4]]);
    assert.deepEqual(await one('select 9007199254740993, 1.0, 0.1, 123456789012345678901234567890'), [
      9007199254740993n,
      '1.0',
      '0.1',
      123456789012345678901234567890n,
    ]);
    assert.deepEqual(
      await one("from (pivot logs on body in ('mine') using count(*)::int group by severity_number)"),
      [0, 1],
    );
    assert.equal((await rowsOf(engine, 'describe logs')).length, LOGICAL_TABLES.logs.length);
    assert.deepEqual(await one('select body from logs tablesample 100%'), ['mine']);
    assert.deepEqual(await one('values (1, 2)'), [1, 2]);
  });
});

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { DrivenClock } from '@openwit/ports/testing';
import { resultToJson } from './formats/formats.ts';
import { QueryEngine } from './query-engine.ts';
import { memoryBatch } from './testing/column-builders.ts';
import { TestFiles } from './testing/data-files.ts';
import { rowsOf, textOf } from './testing/rows-of.ts';
import { TestSource } from './testing/test-source.ts';

/** Runs for minutes unless it is stopped. */
const ENDLESS = 'select count(*) from range(10000000) a, range(10000000) b where (a.range * b.range) % 7 = 8';
/** Gives rows without an end. */
const STREAM = 'select a.range, b.range, uuid() from range(10000000) a, range(10000000) b';
const rows = Array.from({ length: 10_000 }, (_, i) => ({
  timestamp: BigInt(i),
  body: `line ${i}`,
  service_name: `s${i % 7}`,
}));
/** The same over memory, so that callbacks of a table are under way. */
const MEMORY_STREAM = 'select a.body, b.body from logs a, logs b';

describe('the query engine', () => {
  const source = new TestSource({ logs: { batches: [memoryBatch('logs', rows)] } });
  let engine: QueryEngine;
  before(() => {
    engine = new QueryEngine({ source });
  });
  beforeEach(() => {
    source.taken = 0;
  });
  after(() => engine.close());

  /** The worker releases a little after the caller has heard. */
  async function released(): Promise<void> {
    for (let i = 0; i < 200 && source.open > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(source.open, 0, 'a snapshot was not released');
    assert.deepEqual(await rowsOf(engine, 'select count(*) from logs'), [[10_000n]], 'the engine goes on');
  }

  it('takes its snapshot before anything else happens', async () => {
    const pending = engine.query('select count(*) from logs');
    assert.equal(source.taken, 1);
    await (await pending).rows();
  });

  it('releases the snapshot when the result was read', async () => {
    assert.equal((await rowsOf(engine, 'from logs')).length, 10_000);
    await released();
  });

  it('releases the snapshot of a query that is wrong', async () => {
    await assert.rejects(engine.query('select nothing from logs'), { code: 'QUERY_INVALID' });
    await assert.rejects(engine.query('selec'), { code: 'QUERY_INVALID' });
    await assert.rejects(engine.query('from duckdb_settings()'), { code: 'QUERY_FORBIDDEN' });
    await released();
  });

  it('releases the snapshot of a query that fails on its way', async () => {
    const failing = engine
      .query("select case when body = 'line 9000' then error('it broke') else body end from logs")
      .then((result) => result.rows());
    await assert.rejects(failing, { code: 'QUERY_INVALID', message: /it broke/ });
    await released();
  });

  it('names columns by what was asked, not by what it became', async () => {
    const namesOf = async (sql: string) => (await engine.query(sql)).columns.map(({ name }) => name);
    assert.deepEqual(await namesOf('select (select count(*) from logs), exists (from logs)'), [
      '(SELECT count_star() FROM logs)',
      'EXISTS(SELECT * FROM logs)',
    ]);
    assert.deepEqual(await namesOf('with recent as (from logs) select (select count(*) from recent)'), [
      '(SELECT count_star() FROM recent)',
    ]);
    const all = await namesOf("select columns(*) from logs where attributes['k'] is not null");
    assert.deepEqual(all, await namesOf('select * from logs'));
    assert.deepEqual(await namesOf("select attributes['k'] from logs order by all"), ["attributes['k']"]);
  });

  it('refuses a value that would be longer than memory', async () => {
    for (const call of ["repeat('x', 1000000000)", 'range(200000000)', "lpad('x', 2000000000, 'y')"]) {
      await assert.rejects(engine.query(`select length(${call})`), { code: 'QUERY_LIMIT', message: /limit=10000000/ });
    }
    assert.deepEqual(await rowsOf(engine, 'select count(*) from range(20000000)'), [[20_000_000n]]);
  });

  it('fails a query that fails far behind what it has sent, and tells why', async () => {
    for (const at of [300_000, 3_000_000]) {
      const sql = `select case when i = ${at} then error('it broke') else i end from range(4000000) t(i)`;
      await assert.rejects(rowsOf(engine, sql), { code: 'QUERY_INVALID', message: /it broke/ });
      const named = `select case when i = $1 then error('it broke') else i end from range(4000000) t(i)`;
      await assert.rejects(rowsOf(engine, named, { params: [at] }), { code: 'QUERY_INVALID', message: /it broke/ });
    }
    assert.deepEqual(await rowsOf(engine, 'select 1'), [[1]], 'the engine goes on');
    await released();
  });

  it('goes on whenever a query is cancelled, also while it ends by itself', async () => {
    for (let i = 0; i < 60; i++) {
      const result = await engine.query('select * from range(100000000)', { maxRows: 10 });
      const read = result.rows().catch(() => {});
      for (let wait = i % 6; wait > 0; wait--) await new Promise((resolve) => setImmediate(resolve));
      result.cancel();
      await read;
      assert.deepEqual(await rowsOf(engine, 'select 1'), [[1]]);
    }
    await released();
  });

  it('stops a query at its timeout', async () => {
    const began = performance.now();
    await assert.rejects(engine.query(ENDLESS, { timeoutMs: 100 }), {
      code: 'QUERY_TIMEOUT',
      kind: 'invalid',
      message: /limit=100 ms/,
    });
    assert.ok(performance.now() - began < 2000);
    await released();
    const stream = engine.query(STREAM, { timeoutMs: 200 }).then((result) => result.rows());
    await assert.rejects(stream, { code: 'QUERY_TIMEOUT' });
    await released();
  });

  it('measures the timeout with its clock', async () => {
    const clock = new DrivenClock();
    await using driven = new QueryEngine({ source, clock });
    const pending = driven.query(ENDLESS);
    const rejected = assert.rejects(pending, { code: 'QUERY_TIMEOUT' });
    clock.advance(30_000);
    await rejected;
  });

  it('stops when the signal says so', async () => {
    const controller = new AbortController();
    const pending = engine.query(ENDLESS, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('gone')), 50);
    await assert.rejects(pending, { code: 'QUERY_CANCELLED' });
    await released();
    await assert.rejects(engine.query('select 1', { signal: AbortSignal.abort() }), { code: 'QUERY_CANCELLED' });
    for (const sql of [STREAM, MEMORY_STREAM]) {
      const during = new AbortController();
      const result = await engine.query(sql, { signal: during.signal });
      const reading = async () => {
        for await (const _ of result) during.abort();
      };
      await assert.rejects(reading(), { code: 'QUERY_CANCELLED' });
      await released();
    }
  });

  it('stops when the reader breaks off or cancels', async () => {
    for (const sql of [STREAM, MEMORY_STREAM]) {
      for await (const _ of await engine.query(sql)) break;
      await released();
      const result = await engine.query(sql);
      result.cancel();
      await assert.rejects(result.rows(), { code: 'QUERY_CANCELLED' });
      await released();
      {
        await using unread = await engine.query(sql);
        assert.equal(unread.columns.length > 0, true);
      }
      await released();
    }
  });

  it('stops a query in every moment of its life', async () => {
    for (let ms = 0; ms < 40; ms++) {
      const controller = new AbortController();
      const pending = engine.query(MEMORY_STREAM, { signal: controller.signal }).then((result) => result.toArrow());
      setTimeout(() => controller.abort(), ms);
      await assert.rejects(pending, { code: 'QUERY_CANCELLED' });
    }
    await released();
  });

  it('does not read ahead of a slow reader without end', async () => {
    const result = await engine.query(STREAM);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.ok(result.stats.batches <= 3, `${result.stats.batches} batches`);
    result.cancel();
    await released();
  });

  it('limits the rows and the bytes of a result', async () => {
    const ten = await engine.query('select * from range(10)', { maxRows: 10 });
    assert.equal((await ten.rows()).length, 10);
    const eleven = engine.query('select * from range(11)', { maxRows: 10 }).then((result) => result.rows());
    await assert.rejects(eleven, {
      code: 'QUERY_LIMIT',
      kind: 'invalid',
      message: 'the result has too many rows, limit=10',
    });
    await released();
    await using small = new QueryEngine({ source }, { maxResultBytes: 1000 });
    await assert.rejects(rowsOf(small, 'from logs'), { code: 'QUERY_LIMIT', message: /limit=1000 bytes/ });
    await assert.rejects(engine.query(`select '${'x'.repeat(1024 * 1024)}'`), { code: 'QUERY_LIMIT' });
  });

  it('ends a query that needs too much memory, and goes on', async () => {
    await using small = new QueryEngine({ source }, { memoryLimitBytes: 32 * 1024 * 1024 });
    await assert.rejects(rowsOf(small, 'select list(range) from range(30000000)'), {
      code: 'QUERY_LIMIT',
      kind: 'invalid',
    });
    assert.deepEqual(await rowsOf(small, 'select count(*) from logs'), [[10_000n]]);
  });

  it('spills to its folder when it has one', async () => {
    const files = new TestFiles();
    const tempDir = join(files.dir, 'temp');
    const sql = "select count(*) from (select distinct range::varchar || repeat('x', 20) from range(1000000))";
    const engine = new QueryEngine({ source }, { memoryLimitBytes: 40 * 1024 * 1024, tempDir, dataDirs: [files.dir] });
    assert.deepEqual(await rowsOf(engine, sql), [[1_000_000n]]);
    await engine.close();
    assert.ok(!existsSync(tempDir) || readdirSync(tempDir).length === 0);
    files.remove();
  });

  it('runs so many queries at a time and lets so many wait', async () => {
    await using busy = new QueryEngine({ source }, { maxConcurrentQueries: 1, maxWaitingQueries: 1 });
    const running = busy.query(ENDLESS);
    const waiting = busy.query('select count(*) from logs');
    await assert.rejects(busy.query('select 2'), { code: 'OVERLOADED', kind: 'overloaded' });
    const aborted = new AbortController();
    const ended = [assert.rejects(running, { code: 'CLOSED' }), assert.rejects(waiting, { code: 'CLOSED' })];
    aborted.abort();
    await busy.close();
    await Promise.all(ended);
    await released();
  });

  it('answers many queries at once, each with its own', async () => {
    await using wide = new QueryEngine({ source }, { maxWaitingQueries: 100 });
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        rowsOf(wide, `select count(*), $1 from logs where service_name = 's${i % 7}'`, { params: [i] }),
      ),
    );
    answers.forEach((answer, i) => {
      assert.deepEqual(answer, [[i % 7 < 4 ? 1429n : 1428n, BigInt(i)]]);
    });
    await released();
  });

  it('is closed once and for all', async () => {
    const closing = new QueryEngine({ source });
    const running = closing.query(ENDLESS);
    const rejected = assert.rejects(running, { code: 'CLOSED', kind: 'closed' });
    await Promise.all([closing.close(), closing.close()]);
    await rejected;
    await assert.rejects(closing.query('select 1'), { code: 'CLOSED' });
    await new QueryEngine({ source }).close();
    await released();
  });

  it('keeps the main thread free', async () => {
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    await rowsOf(engine, 'select count(*) from logs a, logs b where a.body < b.body');
    clearInterval(timer);
    assert.ok(longest < 250, `${longest} ms`);
  });

  it('binds parameters of every type', async () => {
    const params = [
      1,
      2n ** 62n,
      1.5,
      'x',
      true,
      null,
      new Date(0),
      [1, 2],
      ['a', null],
      new Uint8Array([1]),
      2n ** 100n,
      [],
    ];
    const sql = `select ${params.map((_, i) => `$${i + 1}`).join(', ')}`;
    const result = await engine.query(sql, { params });
    assert.deepEqual(result.columns.map(({ type }) => type).slice(0, 11), [
      'BIGINT',
      'BIGINT',
      'DOUBLE',
      'VARCHAR',
      'BOOLEAN',
      'INTEGER',
      'TIMESTAMP',
      'BIGINT[]',
      'VARCHAR[]',
      'BLOB',
      'HUGEINT',
    ]);
    const [row] = await result.rows();
    assert.deepEqual(Object.values(row!), [
      1n,
      2n ** 62n,
      1.5,
      'x',
      true,
      null,
      0n,
      [1n, 2n],
      ['a', null],
      new Uint8Array([1]),
      2n ** 100n,
      [],
    ]);
    assert.deepEqual(await rowsOf(engine, 'select ? || ?', { params: ['a', 'b'] }), [['ab']]);
    assert.deepEqual(await rowsOf(engine, 'select $b || $a', { params: { a: 'a', b: 'b' } }), [['ba']]);
    assert.deepEqual(await rowsOf(engine, 'select [1.5, 2] = $1', { params: [[1.5, 2]] }), [[true]]);
    await assert.rejects(engine.query('select $1', { params: [] }), {
      code: 'QUERY_INVALID',
      message: 'a parameter has no value, name=`1`',
    });
    await assert.rejects(engine.query('select $1', { params: [1, 2] }), { code: 'QUERY_INVALID' });
    await assert.rejects(engine.query('select $1', { params: [{}] }), { code: 'QUERY_INVALID' });
    await assert.rejects(engine.query('select $1', { params: [[1, 'x']] }), { code: 'QUERY_INVALID' });
  });

  it('tells what it read', async () => {
    const result = await engine.query('select body from logs');
    const json = JSON.parse(await textOf(resultToJson(result)));
    assert.equal(json.rows.length, 10_000);
    assert.equal(json.stats.rows, 10_000);
    assert.equal(json.stats.memoryRows, 10_000);
    assert.equal(json.stats.filesRead, 0);
    assert.ok(json.stats.elapsedMs > 0);
  });
});

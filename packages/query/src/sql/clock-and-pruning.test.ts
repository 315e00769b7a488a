import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { DataFile } from '@openwit/ports';
import { DrivenClock } from '@openwit/ports/testing';
import fc from 'fast-check';
import { QueryEngine } from '../query-engine.ts';
import { memoryBatch } from '../testing/column-builders.ts';
import { TestFiles } from '../testing/data-files.ts';
import { rowsOf } from '../testing/rows-of.ts';
import { TestSource } from '../testing/test-source.ts';

const NOW_MS = Date.parse('2026-03-01T12:00:00.123Z');
const HOUR_NS = 3_600_000_000_000n;
const now = BigInt(NOW_MS) * 1_000_000n;
const clock = new DrivenClock(NOW_MS);
const files = new TestFiles();
const source = new TestSource();
let engine: QueryEngine;
/** Row `h` is h hours old; the file of the same name holds it alone. */
const hourRow = (h: number) => ({
  timestamp: now - BigInt(h) * HOUR_NS,
  body: `${h}`,
  service_name: `s${h % 2}`,
  attributes: { h: BigInt(h) },
});
const hourFiles: DataFile[] = [];

before(async () => {
  engine = new QueryEngine({ source, clock });
  for (let h = 0; h < 10; h++) hourFiles.push(await files.write('logs', [hourRow(h)]));
  source.tenants.set('default', { logs: { files: hourFiles } });
});
after(async () => {
  await engine.close();
  files.remove();
});

async function readAndRows(sql: string, params?: unknown[]): Promise<{ files: number; rows: unknown[] }> {
  const result = await engine.query(sql, params === undefined ? {} : { params });
  const rows = (await result.rows()).map((row) => Object.values(row)[0]);
  return { files: result.stats.filesRead, rows };
}

describe('the clock of a query', () => {
  it('is the start of the query in UTC, whatever it is called', async () => {
    const sql = `select now()::varchar, current_timestamp::varchar, get_current_timestamp()::varchar, transaction_timestamp()::varchar,
      localtimestamp::varchar, today()::varchar, current_date::varchar, (now() - interval 1 day)::varchar, ago(interval 1 hour)::varchar`;
    const at = '2026-03-01 12:00:00.123';
    assert.deepEqual(await rowsOf(engine, sql), [
      [at, at, at, at, at, '2026-03-01', '2026-03-01', '2026-02-28 12:00:00.123', '2026-03-01 11:00:00.123'],
    ]);
  });

  it('compares with nanosecond times as everybody writes it', async () => {
    const bodies = async (condition: string) =>
      (await readAndRows(`select body from logs where ${condition} order by timestamp desc`)).rows;
    assert.deepEqual(await bodies('timestamp > now() - interval 90 minutes'), ['0', '1']);
    assert.deepEqual(await bodies('now() - interval 90 minutes < timestamp'), ['0', '1']);
    assert.deepEqual(await bodies('timestamp between current_timestamp - interval 2 hours and now()'), ['0', '1', '2']);
    assert.deepEqual(await bodies("timestamp >= '2026-03-01 11:00:00.123' and timestamp < today() + interval 1 day"), [
      '0',
      '1',
    ]);
    assert.deepEqual(await bodies('timestamp > ago(interval 1 hour)'), ['0']);
    assert.deepEqual(
      await rowsOf(
        engine,
        "select date_trunc('hour', timestamp)::varchar t, count(*) from logs where timestamp > now() - interval 2 hour group by 1 order by 1",
      ),
      [
        ['2026-03-01 11:00:00', 1n],
        ['2026-03-01 12:00:00', 1n],
      ],
    );
  });

  it('does not touch columns and aliases of such names', async () => {
    assert.deepEqual(await rowsOf(engine, 'select today from (select 1 as today)'), [[1]]);
    assert.deepEqual(await rowsOf(engine, 'select "now" from (select 2 as "now")'), [[2]]);
  });
});

describe('pruning', () => {
  const reads = async (sql: string, params?: unknown[]) => (await readAndRows(sql, params)).files;

  it('leaves out the files beyond the time range', async () => {
    assert.equal(await reads('select body from logs where timestamp > now() - interval 90 minutes'), 2);
    assert.equal(
      await reads("select body from logs where now() - interval 90 minutes < timestamp and service_name = 's1'"),
      2,
    );
    assert.equal(
      await reads(
        'select body from logs l where l.timestamp between now() - interval 150 minutes and now() - interval 30 minutes',
      ),
      2,
    );
    assert.equal(await reads("select body from logs where timestamp = '2026-03-01 10:00:00.123'"), 1);
    assert.equal(await reads('from logs where timestamp > now() + interval 1 day'), 0);
    assert.equal(await reads('select (select count(*) from logs where timestamp > now() - interval 30 minutes)'), 1);
    assert.equal(
      await reads(
        'with x as (select * from logs where timestamp > now() - interval 30 minutes) select * from x a, x b',
      ),
      1,
    );
    assert.equal(
      await reads('select * from logs a join logs b using (body) where a.timestamp > now() - interval 30 minutes'),
      11,
    );
  });

  it('takes parameters, whatever their numbers', async () => {
    const date = new Date(NOW_MS - 90 * 60_000);
    assert.equal(await reads('select body from logs where timestamp > $1', [date]), 2);
    assert.equal(
      await reads('select body from logs where body <> $1 and timestamp > ?::timestamp', ['x', date.toISOString()]),
      2,
    );
    const named = await engine.query('select body from logs where timestamp > $since and timestamp <= $until', {
      params: { since: date, until: new Date(NOW_MS) },
    });
    assert.equal(named.stats.filesRead, 2);
    named.cancel();
  });

  it('keeps every file when a condition does not bind each row', async () => {
    for (const condition of [
      "timestamp > now() - interval 1 hour or body = '9'",
      "not (timestamp > now() - interval 1 hour and body = '1')",
      'timestamp > now() - interval 1 hour is null',
      'timestamp <> now()',
      'timestamp is distinct from now()',
      'timestamp > now() - to_hours(length(body))',
      'timestamp > (select min(timestamp) from logs)',
      'timestamp + interval 1 hour > now()',
      'timestamp not between now() - interval 1 hour and now()',
      "case when body = '1' then timestamp > now() else true end",
    ]) {
      const result = await engine.query(`select body from logs where ${condition}`);
      assert.equal(result.stats.filesSkipped, 0, condition);
      await result.rows();
    }
    assert.equal(await reads('select body, timestamp > now() - interval 1 hour from logs'), 10);
    assert.equal(
      await reads('select max(body) from logs group by timestamp having timestamp > now() - interval 1 hour'),
      10,
    );
    assert.equal(await reads('select count(*) filter (where timestamp > now() - interval 1 hour) from logs'), 10);
    assert.equal(
      await reads('select * from logs a left join logs b on a.body = b.body and b.timestamp > now() - interval 1 hour'),
      20,
    );
    assert.equal(
      await reads(
        'select * from logs a asof join logs b on a.service_name = b.service_name and a.body >= b.body where b.timestamp > now() - interval 1 hour',
      ),
      20,
    );
    assert.equal(
      await reads('select * from logs a positional join logs b where a.timestamp > now() - interval 1 hour'),
      20,
    );
    assert.equal(
      await reads(
        'select * from (select now() as timestamp, body from logs) where timestamp > now() - interval 1 hour',
      ),
      10,
    );
    assert.equal(await reads("select body as timestamp from logs where timestamp > '2026-01-01'"), 10);
    assert.equal(
      await reads('select * from logs where exists (select 1 where timestamp > now() - interval 1 hour)'),
      10,
    );
    assert.equal(await reads('select * from logs where timestamp > now() - to_seconds((random() * 100)::int)'), 10);
  });

  it('never changes an answer', async () => {
    const moment = fc.integer({ min: -1, max: 11 }).map((h) => `(now() - to_hours(${h}))`);
    const comparison = fc
      .tuple(
        fc.constantFrom('l.timestamp', 'r.timestamp'),
        fc.constantFrom('<', '<=', '>', '>=', '=', '<>'),
        moment,
        fc.boolean(),
      )
      .map(([column, sign, time, first]) => (first ? `${column} ${sign} ${time}` : `${time} ${sign} ${column}`));
    const between = fc
      .tuple(moment, moment, fc.constantFrom('', 'not '))
      .map(([a, b, not]) => `l.timestamp ${not}between ${a} and ${b}`);
    const condition: fc.Arbitrary<string> = fc.letrec<{ any: string }>((tie) => ({
      any: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        fc.oneof(comparison, between, fc.constant('r.body is null')),
        fc.tuple(tie('any'), fc.constantFrom('and', 'or'), tie('any')).map(([a, op, b]) => `(${a} ${op} ${b})`),
        tie('any').map((inner) => `not (${inner})`),
      ),
    })).any;
    const join = fc.constantFrom('join', 'left join', 'right join', 'full join');
    const rows = Array.from({ length: 10 }, (_, h) => hourRow(h));
    await fc.assert(
      fc.asyncProperty(join, condition, async (kind, where) => {
        const sql = `select l.body, r.body from logs l ${kind} logs r on l.body::int = r.body::int + 1 where ${where} order by all`;
        source.tenants.set('default', { logs: { files: hourFiles } });
        const fromFiles = await rowsOf(engine, sql);
        source.tenants.set('default', { logs: { batches: [memoryBatch('logs', rows)] } });
        assert.deepEqual(fromFiles, await rowsOf(engine, sql), sql);
      }),
      { numRuns: 60 },
    );
    source.tenants.set('default', { logs: { files: hourFiles } });
  });

  it('does not open the files that it leaves out', async () => {
    const gone = await files.write('logs', [hourRow(50)]);
    rmSync(gone.path);
    source.tenants.set('default', { logs: { files: [...hourFiles, gone] } });
    assert.equal(
      (await rowsOf(engine, 'select body from logs where timestamp > now() - interval 20 hours')).length,
      10,
    );
    await assert.rejects(rowsOf(engine, 'select body from logs'), { code: 'STORE_UNAVAILABLE', kind: 'unavailable' });
    source.tenants.set('default', { logs: { files: hourFiles } });
  });
});

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { TableUsage } from '@openwit/ports';
import { QueryEngine } from './query-engine.ts';
import { rowsOf } from './testing/rows-of.ts';
import { TestSource } from './testing/test-source.ts';

const used = (tenant: string, table: TableUsage['table'], rows: number): TableUsage => ({
  tenant,
  table,
  files: 2,
  rows,
  bytesByTier: { hot: 10, cold: 20, archive: 30 },
  attributeColumns: 3,
  minTimestampNs: 1_800_000_000_000_000_001n,
  maxTimestampNs: 1_800_000_000_999_999_999n,
});

const usages = [used('acme', 'logs', 7), used('acme', 'traces', 5), used("o'ther", 'logs', 9)];
const engine = new QueryEngine({ source: new TestSource(), usage: () => usages });
after(() => engine.close());
const ask = async (sql: string, tenant = 'acme') => rowsOf(engine, sql, { tenant });

test('a tenant sees what it has in files, and nothing of others', async () => {
  const rows = await ask(
    'select signal, files, rows, bytes, hot_bytes, cold_bytes, archive_bytes, attribute_columns from openwit.usage order by 1',
  );
  assert.deepEqual(
    rows.map((row) => row.map(String)),
    [
      ['logs', '2', '7', '60', '10', '20', '30', '3'],
      ['traces', '2', '5', '60', '10', '20', '30', '3'],
    ],
  );
  assert.deepEqual(await ask('select * from openwit.usage', 'nobody'), []);
});

test('it is a table like others: aliases, joins, conditions, times', async () => {
  const [row] = await ask(
    "select u.tenant, sum(u.rows) as n, max(latest)::varchar as latest from OpenWit.Usage u where u.signal <> 'metrics' group by 1",
  );
  assert.deepEqual(row!.map(String), ['acme', '12', '2027-01-15 08:00:00.999999999']);
  const [count] = await ask('select count(*) as n from openwit.usage left join logs on true');
  assert.equal(String(count![0]), '2');
});

test('other schemas and other names of this one stay forbidden', async () => {
  for (const table of ['openwit.secrets', 'other.usage', 'memory.openwit.usage', 'information_schema.tables']) {
    await assert.rejects(ask(`select * from ${table}`), { code: 'QUERY_FORBIDDEN' }, table);
  }
});

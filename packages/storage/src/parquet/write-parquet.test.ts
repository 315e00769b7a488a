import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DuckDBConnection } from '@duckdb/node-api';
import { type PlainRow, randomRows, SeededRandom } from '@openwit/ports/testing';
import { encodeRequest } from '../testing/encode-request.ts';
import { inOrder } from '../testing/stored-rows.ts';
import { encodeBatch } from './encode-batch.ts';
import { Scratch } from './scratch.ts';
import { BatchWriter } from './write-parquet.ts';

const folder = mkdtempSync(join(tmpdir(), 'openwit-write-'));
const path = join(folder, 'file.parquet');
let duckdb: DuckDBConnection;
before(async () => void (duckdb = await DuckDBConnection.create()));
after(() => {
  duckdb.closeSync();
  rmSync(folder, { recursive: true });
});

describe('columns of groups', () => {
  /** Two row groups. */
  const ROWS = 12_345;
  const SERVICE = 'resource_attributes.service.name';
  const PID = 'resource_attributes.process.pid';

  for (const resources of [4, 300, 6000]) {
    test(`${resources} resources`, async () => {
      const random = new SeededRandom(resources);
      const services = Array.from({ length: resources }, (_, i) => resourceOf(random, i));
      const [template] = randomRows('logs', new SeededRandom(1), 1) as [PlainRow];
      const rows = Array.from({ length: ROWS }, (_, i): PlainRow => {
        const service = services[random.below(resources)]!;
        return { ...template, ...service, timestamp: BigInt(random.below(1000)), body: `line ${i}` };
      });
      const columns = writeLogs(new BatchWriter(), rows);
      assert.ok(columns.grouped.has('service_name'));
      assert.ok(columns.grouped.has(SERVICE));
      assert.ok(columns.grouped.has(PID));
      const read = await query(`SELECT service_name, "${SERVICE}" AS name, "${PID}" AS pid FROM '${path}'`);
      const wanted = inOrder('logs', rows).map((row) => {
        const attributes = row.resource_attributes as { key: string; value: unknown }[];
        const attributeOf = (key: string) => attributes.find((attribute) => attribute.key === key)?.value ?? null;
        return { service_name: row.service_name, name: attributeOf('service.name'), pid: attributeOf('process.pid') };
      });
      assert.deepEqual(read, wanted);
      await checkStatistics(['service_name', SERVICE, PID]);
    });
  }

  /** Some have no name, some no number; many have the same. */
  function resourceOf(random: SeededRandom, i: number): PlainRow {
    const name = `service ${i % 2 === 0 ? i : random.below(3)}`;
    const pid = BigInt(random.below(40)) - 20n;
    return {
      service_name: name,
      resource_attributes: [
        ...(i % 5 === 3 ? [] : [{ key: 'service.name', type: 'string', value: name }]),
        ...(i % 7 === 3 ? [] : [{ key: 'process.pid', type: 'int', value: pid }]),
      ],
    } as PlainRow;
  }

  async function checkStatistics(names: readonly string[]): Promise<void> {
    const groups = await query(
      `SELECT path_in_schema AS name, row_group_id AS number, row_group_num_rows AS rows, stats_null_count AS nulls,
         stats_min_value AS low, stats_max_value AS high FROM parquet_metadata('${path}') ORDER BY row_group_id`,
    );
    for (const name of names) {
      let from = 0n;
      const own = groups.filter((group) => group.name === name);
      assert.equal(own.length, 2);
      for (const { rows, nulls, low, high } of own) {
        const [truth] = await query(
          `SELECT count(*) - count("${name}") AS nulls, min("${name}")::VARCHAR AS low, max("${name}")::VARCHAR AS high
           FROM read_parquet('${path}', file_row_number = true) WHERE file_row_number >= ${from} AND file_row_number < ${from + rows}`,
        );
        assert.deepEqual({ nulls, low, high }, truth, name);
        from += rows;
      }
    }
  }
});

test('texts that are too long for statistics have none', async () => {
  const rows = randomRows('logs', new SeededRandom(4), 40).map((row, i) => ({
    ...row,
    service_name: 'x'.repeat(60 + (i % 8)),
  }));
  writeLogs(new BatchWriter(), rows);
  const [of] = await query(
    `SELECT stats_min_value AS low, stats_max_value AS high FROM parquet_metadata('${path}') WHERE path_in_schema = 'service_name'`,
  );
  assert.deepEqual(of, { low: null, high: null });
});

test('a column that did not shrink is left as it is for some files, then tried again', async () => {
  const writer = new BatchWriter();
  const codecs: string[] = [];
  for (let file = 0; file < 70; file++) {
    const random = new SeededRandom(file);
    const rows = randomRows('logs', random, 300).map((row, i) => ({
      ...row,
      span_id: Buffer.from(random.bytes(8)).toString('hex'),
      // Sixty files of random bytes, then of words.
      body: file < 60 ? Buffer.from(random.bytes(40)).toString('base64') : `the same words again and again ${i}`,
    }));
    writeLogs(writer, rows);
    const found = await query(
      `SELECT path_in_schema AS name, compression AS codec FROM parquet_metadata('${path}')
       WHERE path_in_schema IN ('span_id', 'body') ORDER BY name`,
    );
    codecs.push(found.map(({ codec }) => (codec === 'UNCOMPRESSED' ? '-' : 'c')).join(''));
  }
  const wanted = Array.from({ length: 70 }, (_, file): string => (file % 33 === 0 ? 'cc' : '--'));
  wanted.splice(66, 4, 'cc', 'c-', 'c-', 'c-');
  assert.deepEqual(codecs, wanted);
});

test('a value that is no number is found behind the greatest one', async () => {
  const [template] = randomRows('logs', new SeededRandom(1), 1) as [PlainRow];
  const values = [1, 2, Number.NaN];
  const rows = Array.from({ length: 300 }, (_, i): PlainRow => {
    const attributes = [{ key: 'share', type: 'double', value: values[i % 3]! }] as const;
    return { ...template, timestamp: BigInt(i), attributes };
  });
  writeLogs(new BatchWriter(), rows);
  const [found] = await query(`SELECT count(*)::INT AS count FROM '${path}' WHERE "attributes.share" > 100`);
  assert.deepEqual(found, { count: 100 });
});

function writeLogs(writer: BatchWriter, rows: readonly PlainRow[]) {
  const encoded = encodeBatch(encodeRequest('logs', rows), new Scratch());
  writeFileSync(path, Buffer.concat(writer.toParquet(encoded, 'lz4').parts));
  return encoded;
}

// biome-ignore lint/suspicious/noExplicitAny: rows of any query
async function query(sql: string): Promise<Record<string, any>[]> {
  return (await duckdb.runAndReadAll(sql)).getRowObjects();
}

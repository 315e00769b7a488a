import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DuckDBConnection } from '@duckdb/node-api';
import { type AttributeColumn, SIGNALS, type TableName } from '@openwit/ports';
import { type PlainAttribute, type PlainRow, randomRows, SeededRandom } from '@openwit/ports/testing';
import type { Field } from 'apache-arrow';
import { encodeRequest } from '../testing/encode-request.ts';
import { exactNumbers, inOrder, storedRow } from '../testing/stored-rows.ts';
import { doubleText } from './double-text.ts';
import { type EncodedBatch, encodeBatch } from './encode-batch.ts';
import { Scratch } from './scratch.ts';
import { storedColumns, withChildren } from './stored-layout.ts';
import { BatchWriter } from './write-parquet.ts';

let duckdb: DuckDBConnection;
before(async () => void (duckdb = await DuckDBConnection.create()));
after(() => duckdb.closeSync());

describe('DuckDB reads from the file what was in the batch', () => {
  for (const table of SIGNALS) {
    for (const compression of ['lz4', 'zstd', 'none'] as const) {
      test(`${table}, ${compression}`, async () => {
        const rows = randomRows(table, new SeededRandom(table.length), 200);
        const encoded = encode(table, rows);
        const path = join(await mkdtemp(join(tmpdir(), 'openwit-parquet-')), 'file.parquet');
        await writeFile(path, new BatchWriter().toParquet(encoded, compression).parts);
        const read = await query(`SELECT to_json(t)::VARCHAR AS row FROM '${path}' t`);
        const columns = usedColumns(encoded);
        assert.deepEqual(
          read.map(({ row }) => JSON.parse(row!, exactNumbers as never)),
          inOrder(table, rows).map((row) => storedRow(table, row, columns)),
        );
        const ids = await query(`SELECT field_id FROM parquet_schema('${path}') WHERE field_id IS NOT NULL`);
        assert.equal(ids.length, new Set(ids.map(({ field_id }) => field_id)).size);
        const layout = [...withChildren(storedColumns(table))].length;
        assert.equal(ids.length, layout + columns.length);
      });
    }
  }
});

describe('a column that is alike in all rows is written for all of them at once', () => {
  for (const table of SIGNALS) {
    test(table, async () => {
      const path = join(await mkdtemp(join(tmpdir(), 'openwit-constant-')), 'file.parquet');
      const seen = new Set<string>();
      for (let seed = 0; seed < 30; seed++) {
        const [row] = randomRows(table, new SeededRandom(seed), 1) as [PlainRow];
        // Once more than one row group, the last of another size.
        const count = seed === 0 ? 10_007 : 257;
        const rows = Array.from({ length: count }, (_, i) => ({ ...row, timestamp: BigInt(i) }));
        const encoded = encode(table, rows);
        for (const { name } of constantFields(encoded)) seen.add(name);
        await writeFile(path, new BatchWriter().toParquet(encoded, 'lz4').parts);
        const columns = usedColumns(encoded);
        const read = await query(
          `SELECT to_json(t)::VARCHAR AS row, file_row_number FROM read_parquet('${path}', file_row_number = true) t
           WHERE file_row_number % 64 = 0`,
        );
        assert.equal(read.length, Math.ceil(count / 64));
        for (const { row: text, file_row_number: i } of read) {
          const { file_row_number, ...stored } = JSON.parse(text!, exactNumbers as never);
          assert.deepEqual(stored, storedRow(table, rows[Number(i)]!, columns));
        }
        const counts = await query(`SELECT count(COLUMNS(*)) FROM '${path}'`);
        for (const [name, values] of Object.entries(counts[0]!))
          assert.ok([0, rows.length].includes(Number(values)), name);
        assert.deepEqual(
          (await query(`DESCRIBE FROM '${path}'`)).map(({ column_name }) => column_name),
          encoded.columns,
        );
      }
      // The one map that is never empty here, and the times.
      const never = storedColumns(table).filter(({ name }) => !seen.has(name));
      assert.deepEqual(
        never.map(({ name }) => name),
        table === 'metrics' ? ['timestamp', 'metric_metadata'] : ['timestamp'],
      );
    });
  }
});

test('keys with one type in enough rows are columns, the others stay in the map', () => {
  const columns = usedColumns(encode('traces', randomRows('traces', new SeededRandom(3), 500)));
  const own = columns.filter(({ map }) => map === 'attributes').map(({ key, type }) => `${key} ${type}`);
  assert.deepEqual(own.sort(), ['common.bool bool', 'common.double float64', 'common.int int64', 'common.text text']);
});

test("a file has no Arrow schema, whose dictionaries are not the file's, and a column of that name stays", async () => {
  const attributes: PlainAttribute[] = [{ key: 'ARROW:schema', type: 'string', value: 'mine' }];
  const rows = randomRows('logs', new SeededRandom(2), 20).map((row) => ({ ...row, attributes }));
  const path = join(await mkdtemp(join(tmpdir(), 'openwit-schema-')), 'file.parquet');
  await writeFile(path, new BatchWriter().toParquet(encode('logs', rows), 'lz4').parts);
  const keys = await query(`SELECT decode(key) AS key FROM parquet_kv_metadata('${path}')`);
  assert.ok(!keys.some(({ key }) => key === 'ARROW:schema'));
  const values = await query(`SELECT DISTINCT "attributes.ARROW:schema" AS value FROM '${path}'`);
  assert.deepEqual(values, [{ value: 'mine' }]);
});

test('a long attribute of a resource is in a file once, however many rows it has', async () => {
  const long = 'x'.repeat(400_000);
  const resource = (value: string): PlainAttribute[] => [{ key: 'process.command_line', type: 'string', value }];
  const column = 'resource_attributes.process.command_line';
  const random = randomRows('logs', new SeededRandom(2), 200);
  const ofOne = random.map((row) => ({ ...row, resource_attributes: resource(long) }));
  const ofTwo = ofOne.map((row, i) => (i === 7 ? { ...row, resource_attributes: resource('short') } : row));
  for (const rows of [ofOne, ofTwo]) {
    const encoded = encode('logs', rows);
    assert.equal(encoded.grouped.has(column), rows === ofTwo);
    const path = join(await mkdtemp(join(tmpdir(), 'openwit-wide-')), 'file.parquet');
    const { parts, sizeBytes } = new BatchWriter().toParquet(encoded, 'none');
    assert.ok(sizeBytes < 2 * long.length, `${sizeBytes} bytes`);
    await writeFile(path, parts);
    const [sums] = await query(`SELECT count(*) AS rows, max("${column}") AS value FROM '${path}'`);
    assert.deepEqual(sums, { rows: 200n, value: long });
  }
});

test('doubles read as DuckDB casts them', async () => {
  const random = new SeededRandom(11);
  const values = [
    0,
    -0,
    1,
    0.1,
    1e15,
    9999999999999998,
    1e16,
    1e-4,
    9.9e-5,
    1e-5,
    1e21,
    1e22,
    5e-324,
    1.7976931348623157e308,
    NaN,
    Infinity,
    -Infinity,
  ];
  for (let i = 0; i < 5000; i++) values.push(new DataView(random.bytes(8).buffer).getFloat64(0) || 0);
  for (let i = 0; i < 3000; i++) values.push((random.next() - 0.5) * 10 ** (random.below(44) - 20));
  for (let i = 0; i < 1000; i++) values.push(random.below(2 ** 31) * 10 ** random.below(12));
  const bits = values.map((value) => new BigUint64Array(Float64Array.of(value).buffer)[0]!);
  const path = join(await mkdtemp(join(tmpdir(), 'openwit-double-')), 'doubles.parquet');
  const rows = values.map((value) => ({ value }));
  await writeFile(path, new BatchWriter().toParquet(encode('metrics', rows), 'none').parts);
  const read = await query(`SELECT value::VARCHAR AS text FROM '${path}'`);
  for (const [i, { text }] of read.entries())
    assert.equal(doubleText(values[i]!), text, `bits ${bits[i]!.toString(16)}`);
});

test('statistics are the true minimum, maximum and counts', async () => {
  const rows = randomRows('metrics', new SeededRandom(5), 400);
  const encoded = encode('metrics', rows);
  const path = join(await mkdtemp(join(tmpdir(), 'openwit-stats-')), 'file.parquet');
  await writeFile(path, new BatchWriter().toParquet(encoded, 'lz4').parts);
  const nameOf = new Map(
    [...encoded.batch.schema.fields, ...encoded.row.schema.fields].map(({ name, metadata }) => [
      Number(metadata.get('PARQUET:field_id')),
      name,
    ]),
  );
  for (const { fieldId, valueCount, nullCount, min, max } of encoded.columnStats) {
    const column = `"${nameOf.get(fieldId)}"`;
    const [truth] = await query(
      `SELECT count(${column})::VARCHAR AS count, (min(${column}) = $min) AS low, (max(${column}) = $max) AS high,
              typeof(any_value(${column})) AS type FROM '${path}'`
        .replace('$min', literal(min))
        .replace('$max', literal(max)),
    );
    assert.equal(Number(truth!.count), valueCount);
    assert.equal(rows.length - valueCount, nullCount);
    if (truth!.type === 'VARCHAR' || valueCount === 0) continue;
    assert.ok(truth!.low && truth!.high, `${column} ${min} ${max}`);
  }
});

const memory = new Scratch();

function literal(value: string | undefined): string {
  return value === undefined ? 'NULL' : `'${value}'`;
}

function encode(table: TableName, rows: readonly PlainRow[]): EncodedBatch {
  const request = encodeRequest(table, rows);
  // As a thread does it: the second time in memory that has seen other rows.
  memory.reset();
  encodeBatch(encodeRequest(table, rows.toReversed()), memory);
  memory.reset();
  return encodeBatch(request, memory);
}

function constantFields({ row, grouped }: EncodedBatch): Field[] {
  return row.schema.fields.filter(({ name }) => !grouped.has(name));
}

function usedColumns({ newColumns, attributeColumnIds }: EncodedBatch): AttributeColumn[] {
  return newColumns.filter(({ fieldId }) => attributeColumnIds.includes(fieldId));
}

// biome-ignore lint/suspicious/noExplicitAny: rows of any query
async function query(sql: string): Promise<Record<string, any>[]> {
  return (await duckdb.runAndReadAll(sql)).getRowObjects();
}

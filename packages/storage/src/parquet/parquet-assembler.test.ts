import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DuckDBConnection } from '@duckdb/node-api';
import { ParquetAssembler } from './parquet-assembler.ts';

const PIECES = 5;
const ROWS = 3000;

test('of a piece only what was read last is needed: all parts of all pieces may come in the same memory', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'openwit-assembler-'));
  const duckdb = await DuckDBConnection.create();
  t.after(() => {
    duckdb.closeSync();
    rmSync(folder, { recursive: true });
  });
  const query = async (sql: string) => (await duckdb.runAndReadAll(sql)).getRowsJson();
  const written: Uint8Array[] = [];
  const memory = Buffer.alloc(1024 * 1024);
  const assembler = new ParquetAssembler((bytes) => void written.push(Uint8Array.from(bytes)), {
    columns: ['name', 'number', 'a map'],
    sortColumns: ['name'],
  });
  const piecePath = join(folder, 'piece.parquet');
  const select = (i: number) =>
    `SELECT 'name ' || ${i} AS name, range AS number, MAP {'key': range::varchar} AS "a map" FROM range(${i * ROWS}, ${(i + 1) * ROWS})`;
  for (let i = 0; i < PIECES; i++) {
    const options = 'FORMAT parquet, PARQUET_VERSION V2, COMPRESSION uncompressed, ROW_GROUP_SIZE 2048';
    const files = [];
    for (const columns of ['"a map"', 'name, number']) {
      await query(`COPY (SELECT ${columns} FROM (${select(i)})) TO '${piecePath}' (${options})`);
      files.push(readFileSync(piecePath));
    }
    assembler.add(
      files.map((file) => ({
        sizeBytes: file.length,
        read(start, end) {
          memory.fill(0x78);
          return memory.subarray(0, file.copy(memory, 0, start, end));
        },
      })),
    );
    memory.fill(0x78);
  }
  const { rows, sizeBytes } = assembler.finish();
  const bytes = Buffer.concat(written);
  assert.deepEqual([rows, sizeBytes], [PIECES * ROWS, bytes.length]);
  const path = join(folder, 'whole.parquet');
  writeFileSync(path, bytes);
  const all = Array.from({ length: PIECES }, (_, i) => select(i)).join(' UNION ALL ');
  assert.deepEqual(await query(`FROM '${path}' ORDER BY number`), await query(`FROM (${all}) ORDER BY number`));
  assert.deepEqual(await query(`SELECT name, number, "a map" FROM '${path}' LIMIT 0`), []);
});

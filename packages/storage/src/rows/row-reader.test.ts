import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampNanosecondsValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import type { StoredValue } from '@openwit/ports';
import { randomRows, SeededRandom } from '@openwit/ports/testing';
import type { MergedFile } from '../compaction/merge-request.ts';
import { ALL_TIME, Place, pattern } from '../testing/merge-place.ts';
import { rowReader } from './row-reader.ts';

/** As a file has it: of an unsigned number the bits. */
function stored(value: DuckDBValue): StoredValue {
  if (value instanceof DuckDBListValue) return value.items.map(stored);
  if (value instanceof DuckDBMapValue)
    return new Map(value.entries.map((entry) => [String(entry.key), stored(entry.value)]));
  if (value instanceof DuckDBStructValue) {
    return Object.fromEntries(Object.entries(value.entries).map(([name, part]) => [name, stored(part)]));
  }
  if (value instanceof DuckDBTimestampNanosecondsValue) return value.nanos;
  if (typeof value === 'bigint') return BigInt.asIntN(64, value);
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 32 && !Object.is(value, -0))
    return value | 0;
  return value as StoredValue;
}

async function check(place: Place, file: MergedFile, random: SeededRandom): Promise<void> {
  const described = await place.query(`SELECT column_name AS name FROM (DESCRIBE SELECT * FROM ${pattern(file.path)})`);
  const names = described.map(({ name }) => String(name));
  const all = await place.queryRows(`SELECT * FROM ${pattern(file.path)}`);
  let checked = 0;
  for (let i = 0; i < 12; i++) {
    const rows = Uint32Array.from(
      new Set(Array.from({ length: i < 4 ? 1 : 1 + random.below(30) }, () => random.below(file.rows))),
    ).sort();
    const some = i === 0 ? names : names.filter(() => random.below(3) === 0).reverse();
    const read = rowReader.read(file.path, rows, some);
    if (read === undefined && rows.length > 1) continue; // too much
    assert.ok(read !== undefined, 'the form is known');
    checked++;
    for (const [k, name] of some.entries()) {
      const wanted = Array.from(rows, (row) => stored(all[row]![names.indexOf(name)]!));
      assert.deepEqual(read[k], wanted, name);
    }
  }
  assert.ok(checked > 5);
}

for (const table of ['traces', 'logs', 'metrics'] as const) {
  test(`rows of ${table} are read as DuckDB reads them`, async () => {
    const random = new SeededRandom(21);
    const bySql = new Place(table);
    for (let i = 0; i < 3; i++) bySql.add(randomRows(table, random, 400));
    for (const file of await bySql.merge([ALL_TIME], { maxPieceRows: 300 })) await check(bySql, file, random);
    const byLeaves = new Place(table);
    for (let i = 0; i < 2; i++) byLeaves.add(randomRows(table, new SeededRandom(4), 2500));
    await check(byLeaves, await byLeaves.mergedByLeaves({ maxPieceRows: 2000 }), random);
  });
}

test('what is not there is not read', async () => {
  const place = new Place('logs');
  place.add(randomRows('logs', new SeededRandom(1), 100));
  const [file] = (await place.merge([ALL_TIME])) as [MergedFile];
  assert.equal(rowReader.read(file.path, Uint32Array.of(100), ['body']), undefined);
  assert.equal(rowReader.read(file.path, Uint32Array.of(1), ['nowhere']), undefined);
  assert.deepEqual(rowReader.read(file.path, new Uint32Array(0), ['body']), [[]]);
  assert.throws(() => rowReader.read(`${file.path}.gone`, Uint32Array.of(1), ['body']), { code: 'ENOENT' });
});

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { isOpenWitError } from '@openwit/ports';
import { DrivenClock, SeededRandom } from '@openwit/ports/testing';
import { DataPaths } from './data-paths.ts';
import { SqlCatalog } from './sql-catalog.ts';
import { SqliteDatabase } from './sqlite-database.ts';

const MARKER = 'GONE';

function placeOf(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'openwit-scrub-'));
  const path = join(folder, 'catalog.sqlite');
  const database = new SqliteDatabase(path);
  const clock = new DrivenClock();
  const random = new SeededRandom(1);
  const catalog = new SqlCatalog({ database, clock, random, paths: new DataPaths(folder), nodeId: 'cafe0001' });
  t.after(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });
  const copies = () =>
    ['', '-wal'].reduce((sum, suffix) => {
      const file = path + suffix;
      return sum + (existsSync(file) ? readFileSync(file, 'latin1').split(MARKER).length - 1 : 0);
    }, 0);
  return { path, database, clock, catalog, copies };
}

test('no copy of a deleted row is left, however often it moved between pages', async (t) => {
  const { database, catalog, copies } = placeOf(t);
  const random = new SeededRandom(3);
  await database.exec('CREATE TABLE stats(id INTEGER PRIMARY KEY, low TEXT, high TEXT)');
  await database.transaction(async (sql) => {
    for (let i = 0; i < 8000; i++) {
      const text = `${random.below(2) === 0 ? MARKER : 'kept'}-${random.below(1e6)}`;
      await sql.run('INSERT INTO stats(low, high) VALUES (?, ?)', text + 'x'.repeat(random.below(600)), text);
      const id = random.below(i + 1);
      if (random.below(10) === 0) await sql.run('DELETE FROM stats WHERE id = ?', id);
      const longer = MARKER + 'y'.repeat(random.below(900));
      if (random.below(20) === 0) await sql.run('UPDATE stats SET low = ? WHERE id = ?', longer, id);
    }
  });
  assert.ok(copies() > 0);
  await database.run(`DELETE FROM stats WHERE low LIKE '${MARKER}%' OR high LIKE '${MARKER}%'`);
  await catalog.scrub();
  assert.equal(copies(), 0);
});

test('a reader of an older state keeps what was deleted: that is said, and goes when it has ended', async (t) => {
  const { path, database, clock, catalog, copies } = placeOf(t);
  await database.exec(`CREATE TABLE stats(low TEXT); INSERT INTO stats VALUES ('${MARKER}')`);
  const reader = new DatabaseSync(path);
  reader.exec('BEGIN; SELECT * FROM stats');
  await database.exec('DELETE FROM stats');
  const begin = performance.now();
  let isOver = false;
  const refused = assert
    .rejects(
      catalog.scrub(),
      (error) => isOpenWitError(error) && error.kind === 'unavailable' && error.code === 'STORE_UNAVAILABLE',
    )
    .finally(() => (isOver = true));
  for (let i = 0; i < 1000 && !isOver; i++) {
    clock.advance(100);
    await turn();
  }
  await refused;
  assert.ok(performance.now() - begin < 4000, 'the thread is not held');
  assert.ok(copies() > 0);
  reader.exec('COMMIT');
  reader.close();
  await catalog.scrub();
  assert.equal(copies(), 0);
});

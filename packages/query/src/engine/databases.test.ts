import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Database } from './database.ts';
import { Databases } from './databases.ts';
import { resolveSettings } from './settings.ts';

/** Whose footers are a megabyte and a half. */
const LARGE = [150_000_000];

test('when much is kept that no query reads there is a new database, and the old one lasts as long as its queries', async () => {
  const databases = await Databases.open(resolveSettings({}));
  const first = databases.current;
  const running = first.takeSession();
  leave(first, [...LARGE, ...LARGE]);
  databases.tidy();
  for (let i = 0; i < 500 && databases.current === first; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.notEqual(databases.current, first);
  const answer = async (connection: typeof running.connection) =>
    (await connection.runAndReadAll('select 42')).getRows();
  assert.deepEqual(await answer(running.connection), [[42]]);
  first.giveBack(running);
  await assert.rejects(answer(running.connection));
  const session = databases.current.takeSession();
  assert.deepEqual(await answer(session.connection), [[42]]);
  databases.current.giveBack(session);
  await databases.close();
});

test('a file that no query reads is not worth it', async () => {
  const databases = await Databases.open(resolveSettings({}));
  const first = databases.current;
  leave(first, LARGE);
  databases.tidy();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(databases.current, first);
  await databases.close();
});

/** Reads files of these sizes, and then none for a long time. */
function leave({ footers }: Database, sizes: readonly number[]): void {
  footers.read(sizes.map((sizeBytes, i) => ({ path: String(i), sizeBytes })));
  for (let i = 0; i < 100; i++) footers.read([]);
}

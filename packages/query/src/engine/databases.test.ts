import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Databases } from './databases.ts';
import { resolveSettings } from './settings.ts';

const MIB = 1024 * 1024;

test('when many files are gone there is a new database, and the old one lasts as long as its queries', async () => {
  const databases = await Databases.open(resolveSettings({}));
  const first = databases.current;
  databases.gone(1.5 * MIB);
  const running = first.takeSession();
  databases.gone(1.5 * MIB);
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

test('a few files that are gone are not worth it', async () => {
  const databases = await Databases.open(resolveSettings({}));
  const first = databases.current;
  databases.gone(1.9 * MIB);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(databases.current, first);
  await databases.close();
});

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { isOpenWitError } from '@openwit/ports';
import { commitOf, DrivenClock, fileOf, isConflict, rewriteOf, SeededRandom } from '@openwit/ports/testing';
import { PostgresCatalog } from '@openwit/storage/postgres';
import { type CuttingProxy, cuttingProxy } from '../services/cutting-proxy.ts';
import { query, startPostgres } from '../services/postgres.ts';

const server = await startPostgres();
const skip = 'missing' in server ? server.missing : false;
after(() => ('found' in server ? server.found.stop() : undefined));

const dataPath = '/data/parquet';
const clock = new DrivenClock();
const random = new SeededRandom(2);

test('a commit whose answer is lost has taken effect, and its retry says so', { skip, timeout: 60_000 }, async () => {
  const { catalog, proxy, close } = await behindProxy();
  const table = await catalog.openTable('acme', 'logs');
  const cut = async (call: () => Promise<unknown>) => {
    proxy.cutNext('after-commit');
    await assert.rejects(call, isUnavailable);
  };
  const flush = commitOf({ dataPath }, table, 1);
  await cut(() => catalog.commit(flush));
  assert.deepEqual(await catalog.commit(flush), []);

  const [file] = await catalog.files('acme', 'logs');
  const rewrite = rewriteOf(table, [file!.fileId], [fileOf({ dataPath }, table, 'stable-1')]);
  await cut(() => catalog.commit(rewrite));
  await assert.rejects(catalog.commit(rewrite), isConflict);

  const [stable] = await catalog.files('acme', 'logs');
  const move = { fileId: stable!.fileId, from: stable!.path, to: 's3://cold/1', tier: 'cold' } as const;
  await cut(() => catalog.move(move));
  assert.deepEqual(await catalog.move(move), { ...stable, path: move.to, tier: 'cold' });

  const lone = rewriteOf(table, [], [fileOf({ dataPath }, table, 'lone')]);
  await cut(() => catalog.commit(lone));
  await assert.rejects(catalog.commit(lone), isConflict, 'its path is in the catalog');

  await cut(() => catalog.dropTenant('acme'));
  await catalog.dropTenant('acme');
  assert.deepEqual(await catalog.tables(), []);
  assert.equal(proxy.cuts, 5);
  await close();
});

test('a commit that the server never got has not taken effect, and its retry does', {
  skip,
  timeout: 60_000,
}, async () => {
  const { catalog, proxy, close } = await behindProxy();
  const table = await catalog.openTable('acme', 'logs');
  const flush = commitOf({ dataPath }, table, 1, { withColumn: true });
  proxy.cutNext('before-commit');
  await assert.rejects(catalog.commit(flush), isUnavailable);
  assert.deepEqual(await catalog.openTable('acme', 'logs'), table);
  const [file] = await catalog.commit(flush);
  const rewrite = rewriteOf(table, [file!.fileId], [fileOf({ dataPath }, table, 'stable-1')]);
  proxy.cutNext('before-commit');
  await assert.rejects(catalog.commit(rewrite), isUnavailable);
  assert.deepEqual(await catalog.files('acme', 'logs'), [file]);
  assert.equal((await catalog.commit(rewrite)).length, 1);
  assert.equal(proxy.cuts, 2);
  await close();
});

test('what a server has for defaults weakens no commit', { skip, timeout: 60_000 }, async () => {
  const url = await (server as Exclude<typeof server, { missing: string }>).found.createDatabase();
  const name = new URL(url).pathname.slice(1);
  await query(url, `ALTER DATABASE ${name} SET default_transaction_isolation = 'repeatable read'`);
  await query(url, `ALTER DATABASE ${name} SET synchronous_commit = 'off'`);
  const settings = { connectionString: url, dataPath };
  const nodes = await Promise.all(
    ['a', 'b', 'c'].map((nodeId) => PostgresCatalog.open({ clock, random }, { ...settings, nodeId })),
  );
  const table = await nodes[0]!.openTable('acme', 'logs');
  const commits = nodes.flatMap((node, i) =>
    Array.from({ length: 10 }, (_, j) =>
      node.commit({ ...commitOf({ dataPath }, table, j), files: [fileOf({ dataPath }, table, `${i}-${j}`)] }),
    ),
  );
  await Promise.all(commits);
  assert.equal((await nodes[0]!.files('acme', 'logs')).length, 30);
  for (const node of nodes) await node.close();
});

async function behindProxy(): Promise<{ catalog: PostgresCatalog; proxy: CuttingProxy; close: () => Promise<void> }> {
  if ('missing' in server) throw new Error(server.missing);
  const url = new URL(await server.found.createDatabase());
  const proxy = await cuttingProxy(Number(url.port));
  url.port = String(proxy.port);
  const catalog = await PostgresCatalog.open({ clock, random }, { connectionString: url.href, dataPath });
  const close = async () => {
    await catalog.close();
    await proxy.close();
  };
  return { catalog, proxy, close };
}

function isUnavailable(error: unknown): boolean {
  return isOpenWitError(error) && error.kind === 'unavailable' && error.code === 'STORE_UNAVAILABLE';
}

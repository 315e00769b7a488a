import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { PostgresCatalog } from '@openwit/storage/postgres';
import { query, startPostgres } from '../services/postgres.ts';
import { CatalogActor, type World } from './catalog-actor.ts';

const SEED = Number(process.env.OPENWIT_SEED ?? 1 + (Date.now() % 1_000_000));
const NODES = ['n0', 'n1', 'n2'];
const STEPS_PER_NODE = Number(process.env.OPENWIT_CATALOG_STEPS ?? 500);
const KILL_EVERY_MS = 40;

const server = await startPostgres();
const skip = 'missing' in server ? server.missing : false;
after(() => ('found' in server ? server.found.stop() : undefined));

test(`three nodes on one catalog publish each batch once, seed=${SEED}`, { skip, timeout: 300_000 }, async (t) => {
  const url = await (server as Exclude<typeof server, { missing: string }>).found.createDatabase();
  const world: World = {
    dataPath: '/data/parquet',
    contents: new Map(),
    acknowledged: new Set(),
    removed: new Set(),
    unclear: 0,
    unavailable: 0,
    conflicts: 0,
  };
  const catalogs = await Promise.all(
    NODES.map((nodeId) => {
      const settings = { connectionString: url, dataPath: world.dataPath, nodeId, maxConnections: 2 };
      return PostgresCatalog.open({ clock: systemClock }, settings);
    }),
  );
  await catalogs[0]!.openTable('acme', 'logs');
  let isOver = false;
  const killer = killBackends(url, new SeededRandom(SEED), () => isOver);
  const actors = catalogs.map((catalog, i) => {
    return new CatalogActor(NODES[i]!, catalog, new SeededRandom(SEED + i + 1), world);
  });
  await Promise.all(
    actors.map(async (actor) => {
      for (let step = 0; step < STEPS_PER_NODE; step++) {
        await actor.step();
        if (step % 50 === 0) assert.deepEqual(await liveGarbage(url), [], 'a live path is no garbage');
      }
    }),
  );
  isOver = true;
  const kills = await killer;
  const { acknowledged, removed, unclear, unavailable, conflicts } = world;
  t.diagnostic(
    JSON.stringify({ batches: acknowledged.size, removed: removed.size, kills, unclear, unavailable, conflicts }),
  );
  assert.ok(world.conflicts > 0 && world.unavailable > 0, "nothing got into anything's way");

  const files = await catalogs[0]!.files('acme', 'logs');
  const published = files.flatMap(({ path }) => world.contents.get(path)!);
  assert.deepEqual(published.sort(), [...acknowledged].sort());
  assert.equal(new Set(files.map(({ fileId }) => fileId)).size, files.length);
  const [stats] = await query(url, 'SELECT record_count::int AS rows FROM ducklake_table_stats');
  assert.equal(
    stats!.rows,
    files.reduce((sum, { rows }) => sum + rows, 0),
  );

  assert.deepEqual(await liveGarbage(url), []);
  for (const { path } of files) assert.ok(!removed.has(path), `a live file was removed, path=${path}`);
  await everyPathIsSomewhere(url, catalogs, world);
  for (const catalog of catalogs) await catalog.close();
});

/** Cuts connections of the nodes in whatever they are doing. @returns how many */
async function killBackends(url: string, random: SeededRandom, isOver: () => boolean): Promise<number> {
  let kills = 0;
  for (; !isOver(); await delay(random.below(KILL_EVERY_MS))) {
    const victims = await query(
      url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'openwit' AND datname = current_database() ORDER BY md5(pid::text || '${kills}') LIMIT 1`,
    );
    kills += victims.length;
  }
  return kills;
}

async function liveGarbage(url: string): Promise<unknown[]> {
  return query(
    url,
    `SELECT g.path FROM openwit_garbage g JOIN ducklake_data_file f
     ON g.path = CASE WHEN f.path_is_relative THEN 'acme/logs/' || f.path ELSE f.path END`,
  );
}

/** Nothing that was written is forgotten: it is in a snapshot, garbage, or removed. A file that was never announced is its node's sweep's. */
async function everyPathIsSomewhere(url: string, catalogs: readonly PostgresCatalog[], world: World): Promise<void> {
  const rows = await query(url, 'SELECT path, path_is_relative AS relative FROM ducklake_data_file');
  const inSnapshots = rows.map(({ path, relative }) =>
    relative ? `${world.dataPath}/acme/logs/${path}` : String(path),
  );
  const garbage = (await Promise.all(catalogs.map((catalog) => catalog.garbage()))).flat().map(({ path }) => path);
  const known = new Set([...inSnapshots, ...garbage, ...world.removed]);
  const lost = [...world.contents.keys()].filter((path) => !known.has(path));
  assert.deepEqual(lost, []);
}

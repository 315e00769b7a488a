import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { PostgresCatalog } from '@openwit/storage/postgres';
import { query, startPostgres } from '../services/postgres.ts';
import { CatalogActor } from './catalog-actor.ts';
import { nothingLiveIsGarbage, World, worldIsWhole } from './world.ts';

const SEED = Number(process.env.OPENWIT_SEED ?? 1 + (Date.now() % 1_000_000));
const NODES = ['n0', 'n1', 'n2'];
const STEPS_PER_NODE = Number(process.env.OPENWIT_CATALOG_STEPS ?? 500);
const KILL_EVERY_MS = 40;

const server = await startPostgres();
const skip = 'missing' in server ? server.missing : false;
after(() => ('found' in server ? server.found.stop() : undefined));

test(`three nodes on one catalog publish each batch once, seed=${SEED}`, { skip, timeout: 300_000 }, async (t) => {
  const url = await (server as Exclude<typeof server, { missing: string }>).found.createDatabase();
  const ask = (sql: string) => query(url, sql);
  const world = new World();
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
    let batches = 0;
    return new CatalogActor(NODES[i]!, catalog, () => ++batches, new SeededRandom(SEED + i + 1), world);
  });
  await Promise.all(
    actors.map(async (actor) => {
      for (let step = 0; step < STEPS_PER_NODE; step++) {
        await actor.step();
        if (step % 50 === 0) await nothingLiveIsGarbage(ask);
      }
    }),
  );
  isOver = true;
  t.diagnostic(`${world.summary}, connections cut: ${await killer}`);
  assert.ok(world.conflicts > 0 && world.unavailable > 0, "nothing got into anything's way");
  await worldIsWhole(world, catalogs, ask);
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

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { systemClock } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { SqliteCatalog } from '@openwit/storage';
import { CatalogActor } from './catalog-actor.ts';
import { nothingLiveIsGarbage, World, worldIsWhole } from './world.ts';

const SEED = Number(process.env.OPENWIT_SEED ?? 1 + (Date.now() % 1_000_000));
const STEPS = 300;

test(`what a node does at the same time publishes each batch once, seed=${SEED}`, { timeout: 120_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'openwit-catalog-'));
  const path = join(folder, 'catalog.sqlite');
  const world = new World();
  const catalog = await SqliteCatalog.open({ clock: systemClock }, { path, dataPath: world.dataPath });
  const reader = new DatabaseSync(path, { readOnly: true });
  const ask = async (sql: string) => reader.prepare(sql).all();
  let batches = 0;
  const actors = ['a', 'b', 'c'].map(
    (name, i) => new CatalogActor(name, catalog, () => ++batches, new SeededRandom(SEED + i), world),
  );
  await Promise.all(
    actors.map(async (actor) => {
      for (let step = 0; step < STEPS; step++) {
        await actor.step();
        if (step % 20 === 0) await nothingLiveIsGarbage(ask);
      }
    }),
  );
  t.diagnostic(world.summary);
  assert.ok(world.conflicts > 0, "nothing got into anything's way");
  await worldIsWhole(world, [catalog], ask);
  reader.close();
  await catalog.close();
  await rm(folder, { recursive: true });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { DrivenClock } from '@openwit/ports/testing';
import { Compactor, type CompactorParts } from './compaction/compactor.ts';
import { DEFAULT_COMPACTION } from './compaction/plan-compaction.ts';
import { Maintenance } from './maintenance.ts';

test('a chore that throws is told of it and run again, and the others are run', async () => {
  const clock = new DrivenClock();
  const errors: unknown[] = [];
  let others = 0;
  const broken = {
    run: () => Promise.reject(new Error('broken')),
    failed: (error: unknown) => void errors.push(error),
  };
  const sound = { run: async () => void others++, failed: assert.fail };
  const maintenance = new Maintenance({ clock, chores: [broken, sound] }, 1000);
  for (let i = 0; i < 2; i++) {
    clock.advance(1000);
    await turn();
  }
  assert.deepEqual([errors.map(String), others], [['Error: broken', 'Error: broken'], 2]);
  await maintenance.close();
});

test('a compactor that threw once runs again', async () => {
  let runs = 0;
  const tables = {
    [Symbol.iterator]: () => {
      if (++runs === 1) throw new Error('broken');
      return [][Symbol.iterator]();
    },
  };
  const parts = { clock: new DrivenClock(), tables } as unknown as CompactorParts;
  const compactor = new Compactor(parts, {
    ...DEFAULT_COMPACTION,
    dataPath: '/data',
    nodeId: 'cafe0001',
    minShare: 0.1,
  });
  await assert.rejects(compactor.run(), /broken/);
  await compactor.run();
  assert.ok(runs > 1);
});

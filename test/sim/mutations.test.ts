import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MUTATIONS } from './mutations.ts';
import { runSeed } from './simulation.ts';

/** Each is found within so many seeds. */
const MOST_SEEDS = 100;

for (const [name, mutation] of Object.entries(MUTATIONS)) {
  test(`${name}: the simulation finds it`, async (context) => {
    for (let seed = 1; seed <= MOST_SEEDS; seed++) {
      const { failure } = await runSeed(seed, { mutation });
      if (failure === undefined) continue;
      context.diagnostic(`seed ${seed}: ${failure instanceof Error ? failure.message : failure}`);
      return;
    }
    assert.fail(`not found by ${MOST_SEEDS} seeds`);
  });
}

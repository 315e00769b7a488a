import assert from 'node:assert/strict';
import { test } from 'node:test';
import { report } from './report.ts';
import { runSeed } from './simulation.ts';

const SEEDS = Number(process.env.OPENWIT_SIM_SEEDS ?? 500);

test(`whatever happens in which order, nothing that was promised is broken, for ${SEEDS} seeds`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = await runSeed(seed);
    if (result.failure !== undefined) assert.fail(report(result));
  }
});

test('a seed has the same trace each time, to the byte', async () => {
  for (const seed of [3, 14, 159]) {
    const [first, again] = [await runSeed(seed), await runSeed(seed)];
    assert.equal(again.digest, first.digest, `seed ${seed}`);
    assert.equal(again.events, first.events, `seed ${seed}`);
  }
});

test('another seed has another trace', async () => {
  assert.notEqual((await runSeed(1)).digest, (await runSeed(2)).digest);
});

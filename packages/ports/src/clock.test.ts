import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';

test('a delay that is longer than a timer can have does not end at once', async () => {
  let isCalled = false;
  const call = systemClock.schedule(2 ** 33, () => (isCalled = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  call.cancel();
  assert.equal(isCalled, false);
});

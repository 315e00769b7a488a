import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpenWitError } from '@openwit/ports';
import { DrivenClock } from '@openwit/ports/testing';
import { MemoryBudget } from './memory-budget.ts';

function budgetOf(maxBytes: number) {
  const clock = new DrivenClock();
  const elsewhere = { bytes: 0 };
  const budget = new MemoryBudget({ clock, usedElsewhere: () => elsewhere.bytes }, { maxBytes, maxWaitMs: 1000 });
  return { clock, elsewhere, budget };
}

test('bytes within the budget are granted at once', () => {
  const { budget } = budgetOf(100);
  assert.equal(budget.reserve(60), undefined);
  assert.equal(budget.reserve(40), undefined);
  assert.equal(budget.usedBytes, 100);
});

test('who comes over the budget waits until others give back, in the order of arrival', async () => {
  const { budget } = budgetOf(100);
  budget.reserve(100);
  const order: string[] = [];
  const first = budget.reserve(80)!.then(() => order.push('first'));
  const second = budget.reserve(10)!.then(() => order.push('second'));
  budget.release(50);
  await Promise.resolve();
  assert.deepEqual(order, [], 'the second may not overtake the first');
  budget.release(50);
  await Promise.all([first, second]);
  assert.deepEqual(order, ['first', 'second']);
});

test('who waits longer than the limit is refused as overloaded, and the next one moves up', async () => {
  const { budget, clock } = budgetOf(100);
  budget.reserve(50);
  const refused = assert.rejects(budget.reserve(80)!, (error) => isOpenWitError(error) && error.code === 'OVERLOADED');
  clock.advance(999);
  const small = budget.reserve(50)!;
  clock.advance(1);
  await refused;
  await small;
  assert.equal(budget.usedBytes, 100);
});

test('bytes that are held elsewhere count, and a check lets in who waits for them', async () => {
  const { budget, elsewhere } = budgetOf(100);
  elsewhere.bytes = 95;
  const waiting = budget.reserve(10)!;
  elsewhere.bytes = 20;
  budget.check();
  await waiting;
  assert.equal(budget.usedBytes, 30);
});

test('a request larger than the whole budget is let in when nothing else is held', () => {
  const { budget } = budgetOf(100);
  assert.equal(budget.reserve(5000), undefined);
});

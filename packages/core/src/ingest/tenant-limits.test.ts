import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpenWitError } from '@openwit/ports';
import { DrivenClock } from '@openwit/ports/testing';
import { TenantLimits } from './tenant-limits.ts';

const KIB = 1024;

test('a tenant sends its rate on average, and bursts above it, and others are not touched', () => {
  const clock = new DrivenClock();
  const limits = new TenantLimits({ clock, storedBytes: () => 0 }, [{ tenant: 'busy', maxBytesPerSecond: KIB }]);
  let taken = 0;
  for (let ms = 0; ms < 100_000; ms += 100) {
    if (takes(() => limits.check('busy', 512))) taken += 512;
    limits.check('calm', 1e9);
    clock.advance(100);
  }
  assert.ok(taken >= 100 * KIB && taken <= 104 * KIB, `${taken} bytes`);
});

test('a refused request may be sent again when it is told to, and not before', () => {
  const clock = new DrivenClock();
  const limits = new TenantLimits({ clock, storedBytes: () => 0 }, [{ maxBytesPerSecond: 1000, burstBytes: 2000 }]);
  limits.check('a', 1500);
  let retryAfterMs = 0;
  assert.throws(
    () => limits.check('a', 1500),
    (error) => {
      retryAfterMs = isOpenWitError(error) ? (error.retryAfterMs ?? 0) : 0;
      return isOpenWitError(error) && error.code === 'RATE_LIMITED' && error.kind === 'overloaded';
    },
  );
  clock.advance(retryAfterMs - 1);
  assert.equal(
    takes(() => limits.check('a', 1500)),
    false,
  );
  clock.advance(1);
  limits.check('a', 1500);
});

test('a request that is larger than a burst is taken when the tenant was quiet for long enough, and counts as what it is', () => {
  const clock = new DrivenClock();
  const limits = new TenantLimits({ clock, storedBytes: () => 0 }, [{ maxBytesPerSecond: 1000, burstBytes: 2000 }]);
  limits.check('a', 10_000);
  clock.advance(9000);
  assert.equal(
    takes(() => limits.check('a', 2000)),
    false,
  );
  clock.advance(1000);
  limits.check('a', 2000);
});

test('a tenant that stores as much as it may is refused until some of it has gone', () => {
  let stored = 100;
  const parts = { clock: new DrivenClock(), storedBytes: () => stored };
  const limits = new TenantLimits(parts, [{ maxStoredBytes: 50 }, { tenant: 'big', maxStoredBytes: 1000 }]);
  limits.check('big', 1);
  assert.throws(() => limits.check('small', 1), { code: 'QUOTA_EXCEEDED' });
  stored = 49;
  limits.check('small', 1);
});

function takes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OpenWitError } from '@openwit/ports';
import { DrivenClock } from '@openwit/ports/testing';
import { StorePlace as Place } from '../testing/store-place.ts';
import { expiredFiles } from './retention.ts';
import { TrustedTime } from './trusted-time.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('the time that records are removed by', () => {
  test('goes with a clock that goes on', () => {
    const clock = new DrivenClock();
    const time = new TrustedTime(clock, clock.now(), HOUR_MS);
    clock.advance(9 * DAY_MS);
    assert.equal(time.now(), clock.now());
  });

  test('does not follow a jump forward until the clock has kept to it', () => {
    const clock = new DrivenClock();
    const time = new TrustedTime(clock, clock.now(), HOUR_MS);
    const before = clock.now();
    clock.jump(365 * DAY_MS);
    for (let minute = 1; minute < 60; minute++) {
      clock.advance(60_000);
      assert.ok(time.now() <= before + minute * 60_000);
    }
    clock.advance(120_000);
    assert.equal(time.now(), clock.now());
  });

  test('forgets a jump that is taken back', () => {
    const clock = new DrivenClock();
    const time = new TrustedTime(clock, clock.now(), HOUR_MS);
    clock.jump(DAY_MS);
    time.now();
    clock.advance(HOUR_MS / 2);
    clock.jump(-DAY_MS);
    assert.equal(time.now(), clock.now());
    clock.jump(DAY_MS);
    time.now();
    clock.advance(HOUR_MS / 2);
    assert.equal(time.now(), clock.now() - DAY_MS, 'the second jump counts from its own beginning');
  });

  test('does not take small jumps for the truth one after the other', () => {
    const clock = new DrivenClock();
    const time = new TrustedTime(clock, clock.now(), HOUR_MS);
    const before = clock.now();
    for (let i = 1; i <= 100; i++) {
      clock.jump(30_000);
      clock.advance(1000);
      assert.ok(time.now() <= before + i * 2000, `${time.now() - before}`);
    }
  });

  test('follows a jump back at once', () => {
    const clock = new DrivenClock();
    const time = new TrustedTime(clock, clock.now(), HOUR_MS);
    clock.jump(-5 * DAY_MS);
    assert.equal(time.now(), clock.now());
  });

  test('is the last known one after a long break, for a while', () => {
    const clock = new DrivenClock();
    const lastSeen = clock.now() - 30 * DAY_MS;
    const time = new TrustedTime(clock, lastSeen, HOUR_MS);
    assert.equal(time.now(), lastSeen);
    clock.advance(HOUR_MS + 1);
    assert.equal(time.now(), clock.now());
  });
});

test('a file goes when its last record is too old, not before', () => {
  const at = (ms: number) => ({ maxTimestampNs: BigInt(ms) * 1_000_000n });
  const now = 1_800_000_000_000;
  const files = [at(now - DAY_MS - 1), at(now - DAY_MS), at(now)];
  assert.deepEqual(expiredFiles(files, DAY_MS, now), [files[0]]);
  assert.deepEqual(expiredFiles(files, undefined, now), []);
});

test('records leave the store by the policy of their table, in the catalog and on the disk', async () => {
  const place = await Place.make({}, { policies: [{ tenant: 'acme', table: 'logs', retentionMs: DAY_MS }] });
  await place.fill(8);
  await place.fill(8, 'traces');
  await place.settle();
  place.clock.advance(DAY_MS / 2);
  await place.pass(10_000);
  assert.equal((await place.rows()).length, 16);
  for (let i = 0; i < 30; i++) {
    place.clock.advance(HOUR_MS / 2);
    await place.settle(30);
  }
  await place.pass(60_000);
  assert.deepEqual(place.names('logs'), []);
  assert.deepEqual(await place.catalog.files('acme', 'logs'), []);
  assert.equal(place.names('traces').length, 1);
  assert.equal((await place.paths()).length, 1);
  await place.store.close();
});

test('a clock that jumps removes nothing early, not even after a restart', async () => {
  const policies = [{ retentionMs: DAY_MS }];
  const place = await Place.make({}, { policies });
  await place.fill(8);
  await place.pass(2 * HOUR_MS);
  place.clock.jump(400 * DAY_MS);
  await place.fill(1);
  await place.pass(10_000);
  await place.store.close();
  await place.reopen({}, { policies });
  await place.pass(10_000);
  assert.equal((await place.rows()).length, 18);
  await place.store.close();
});

test('a clock that jumps removes nothing early', async () => {
  const place = await Place.make({}, { policies: [{ retentionMs: DAY_MS }] });
  await place.fill(8);
  await place.settle();
  place.clock.jump(400 * DAY_MS);
  await place.pass(30 * 60_000);
  assert.equal((await place.rows()).length, 16);
  place.clock.jump(-400 * DAY_MS);
  await place.pass(60_000);
  assert.equal((await place.rows()).length, 16);
  await place.store.close();
});

test('records whose removal was not answered are not shown, also when the clock goes back before it is asked again', async () => {
  const place = await Place.make({}, { policies: [{ retentionMs: DAY_MS }] });
  await place.fill(1);
  await place.settle();
  const commit = place.catalog.commit.bind(place.catalog);
  place.catalog.commit = async (wanted) => {
    const files = await commit(wanted);
    if (wanted.files.length > 0) return files;
    place.catalog.commit = commit;
    place.clock.jump(-2 * DAY_MS);
    throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'no answer');
  };
  for (let i = 0; i < 50; i++) {
    place.clock.advance(HOUR_MS / 2);
    await place.settle(30);
  }
  assert.deepEqual(await place.catalog.files('acme', 'logs'), []);
  await place.pass(10_000);
  assert.deepEqual(await place.rows(), []);
  await place.store.close();
});

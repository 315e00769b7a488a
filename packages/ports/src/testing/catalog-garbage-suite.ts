import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CatalogPlace, commitOf, fileOf, rewriteOf } from './catalog-commits.ts';

const HOUR = 3_600_000;

/** What is in no snapshot: announced, moved away, or expired. */
export function testGarbage(make: () => Promise<CatalogPlace>): void {
  test('what is announced is garbage until it is committed', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    const file = fileOf(place, table, 'stable-1');
    const lost = 's3://bucket/lost.parquet';
    await catalog.announce([file.path, lost]);
    const sinceMs = place.clock.now();
    assert.deepEqual(await catalog.garbage(), [
      { path: file.path, sinceMs },
      { path: lost, sinceMs },
    ]);
    await catalog.commit(rewriteOf(table, [], [file]));
    place.clock.advance(HOUR);
    await catalog.announce([lost]);
    const again = { path: lost, sinceMs: sinceMs + HOUR };
    assert.deepEqual(await catalog.garbage(), [again], 'announced anew, it is garbage since then');
    await catalog.close();

    const second = await place.open();
    assert.deepEqual(await second.garbage(), [again]);
    await second.forgetGarbage([lost]);
    assert.deepEqual(await second.garbage(), []);
    await second.close();
  });

  test('a path that a snapshot has never becomes garbage by being announced', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    const files = [fileOf(place, table, 'x'), fileOf(place, table, 'x', { path: 's3://bucket/x.parquet' })];
    const committed = await catalog.commit(rewriteOf(table, [], files));
    const paths = committed.map(({ path }) => path);
    await catalog.announce(paths);
    assert.deepEqual(await catalog.garbage(), [], 'live');
    const replaces = committed.map(({ fileId }) => fileId);
    await catalog.commit(rewriteOf(table, replaces, []));
    await catalog.announce(paths);
    assert.deepEqual(await catalog.garbage(), [], 'in an older snapshot');
    await catalog.close();
  });

  test('what is found and no snapshot has is garbage; what is garbage already stays as it is', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    const inBucket = (name: string) => `s3://bucket/${name}.parquet`;
    const files = [
      fileOf(place, table, 'live', { path: inBucket('live') }),
      fileOf(place, table, 'old', { path: inBucket('old') }),
    ];
    const [, old] = await catalog.commit(rewriteOf(table, [], files));
    await catalog.commit(rewriteOf(table, [old!.fileId], []));
    await catalog.announce([inBucket('announced')]);
    const sinceMs = place.clock.now();
    place.clock.advance(HOUR);
    assert.equal(await catalog.adopt(['live', 'stray', 'old', 'announced', 'other'].map(inBucket)), 2);
    assert.deepEqual(await catalog.garbage(), [
      { path: inBucket('announced'), sinceMs },
      { path: inBucket('other'), sinceMs: sinceMs + HOUR },
      { path: inBucket('stray'), sinceMs: sinceMs + HOUR },
    ]);
    assert.equal(await catalog.adopt([inBucket('stray')]), 0);
    assert.equal(await catalog.adopt([]), 0);
    await catalog.close();
  });

  test('the old place of a moved file is garbage, and the new one is not', async () => {
    const place = await make();
    const catalog = await place.open();
    const [file] = await catalog.commit(commitOf(place, await catalog.openTable('acme', 'logs'), 1));
    const { fileId, path: from } = file!;
    const to = 's3://cold/acme/1.parquet';
    await catalog.announce([to]);
    await catalog.move({ fileId, from, to, tier: 'cold' });
    assert.deepEqual(await catalog.garbage(), [{ path: from, sinceMs: place.clock.now() }]);
    await catalog.announce([from]);
    await catalog.move({ fileId, from: to, to: from, tier: 'hot' });
    assert.deepEqual(await catalog.garbage(), [{ path: to, sinceMs: place.clock.now() }]);
    await catalog.close();
  });

  test('a replaced file is garbage once no snapshot has it', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    const [file] = await catalog.commit(commitOf(place, table, 1));
    place.clock.advance(HOUR);
    await catalog.commit(rewriteOf(table, [file!.fileId], [fileOf(place, table, 'stable-1')]));
    const replacedAt = place.clock.now();
    assert.deepEqual(await catalog.retiredPaths(), [file!.path]);
    assert.ok((await catalog.expireSnapshots(replacedAt)) > 0, 'those before the batch was committed');
    assert.deepEqual(await catalog.garbage(), [], 'the last snapshot that has the file was not followed by then');
    place.clock.advance(1);
    assert.equal(await catalog.expireSnapshots(replacedAt + 1), 1);
    assert.deepEqual(await catalog.garbage(), [{ path: file!.path, sinceMs: replacedAt + 1 }]);
    assert.equal(await catalog.expireSnapshots(replacedAt + HOUR), 0, 'the newest snapshot stays');
    assert.equal((await catalog.files('acme', 'logs')).length, 1);
    await catalog.close();
  });

  test('more files than go in one step expire in one call', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    const files = Array.from({ length: 250 }, (_, i) => fileOf(place, table, `active-${i}`));
    const committed = await catalog.commit(rewriteOf(table, [], files));
    const replaces = committed.map(({ fileId }) => fileId);
    const [stable] = await catalog.commit(rewriteOf(table, replaces, [fileOf(place, table, 'stable')]));
    place.clock.advance(HOUR);
    await catalog.expireSnapshots(place.clock.now());
    const garbage = (await catalog.garbage()).map(({ path }) => path);
    assert.deepEqual(garbage.sort(), files.map(({ path }) => path).sort());
    assert.deepEqual(await catalog.files('acme', 'logs'), [stable]);
    await catalog.close();
  });

  for (const [name, jumps] of [
    ['goes back for a while', [0, -9 * HOUR, 9 * HOUR, HOUR]],
    ['goes back for good', [0, -9 * HOUR, HOUR, HOUR]],
    ['jumps ahead for a while', [0, 9 * HOUR, -9 * HOUR, HOUR]],
    ['jumps ahead for good', [0, 9 * HOUR, HOUR, HOUR]],
  ] as const) {
    test(`a clock that ${name} expires nothing that is read`, async () => {
      const place = await make();
      const catalog = await place.open();
      const table = await catalog.openTable('acme', 'logs');
      let live = await catalog.commit(rewriteOf(table, [], [fileOf(place, table, 'file-0')]));
      for (const [i, jump] of jumps.entries()) {
        place.clock.jump(jump);
        const next = fileOf(place, table, `file-${i + 1}`);
        const before = live[0]!;
        live = await catalog.commit(rewriteOf(table, [before.fileId], [next]));
        await catalog.expireSnapshots(place.clock.now() - HOUR / 2);
        const garbage = (await catalog.garbage()).map(({ path }) => path);
        assert.ok(!garbage.includes(before.path), 'replaced a moment ago');
        assert.deepEqual(await catalog.files('acme', 'logs'), live);
      }
      for (const beforeMs of [0, place.clock.now() + 99 * HOUR, Number.MAX_SAFE_INTEGER]) {
        await catalog.expireSnapshots(beforeMs);
        assert.deepEqual(await catalog.files('acme', 'logs'), live);
        assert.ok((await catalog.garbage()).every(({ path }) => path !== live[0]!.path));
      }
      await catalog.close();
    });
  }
}

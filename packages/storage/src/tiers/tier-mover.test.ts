import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenWitError } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { MemoryObjectStore } from '../objects/memory-object-store.ts';
import { StorePlace as Place, RETENTION_MS } from '../testing/store-place.ts';

const DAY_MS = 86_400_000;
const POLICIES = [{ coldAfterMs: DAY_MS, archiveAfterMs: 3 * DAY_MS }];

async function place(settings: Parameters<typeof Place.make>[1] = { policies: POLICIES }) {
  const made = new Tiers();
  made.place = await Place.make({}, {});
  await made.place.store.close();
  const stores = { clock: made.place.clock, random: new SeededRandom(1) };
  made.cold = new MemoryObjectStore(stores, { url: 'memory://cold' });
  made.archive = new MemoryObjectStore(stores, { url: 'memory://archive' });
  made.settings = settings;
  await made.open();
  return made;
}

class Tiers {
  place!: Place;
  cold!: MemoryObjectStore;
  archive!: MemoryObjectStore;
  settings: Parameters<typeof Place.make>[1];

  async open(): Promise<void> {
    await this.place.reopen({ tiers: { cold: this.cold, archive: this.archive } }, this.settings);
  }

  async keys(store: MemoryObjectStore): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of store.list('')) keys.push(key);
    return keys;
  }

  files() {
    return this.place.files();
  }
}

test('files go from tier to tier with time, and are in one place when all is done', async () => {
  const tiers = await place();
  await tiers.place.fill(8);
  await tiers.place.settle();
  assert.equal(tiers.files()[0]!.tier, 'hot');
  tiers.place.clock.advance(DAY_MS + 1);
  await tiers.place.pass(RETENTION_MS + 20_000);
  const [cold] = tiers.files();
  assert.equal(cold!.tier, 'cold');
  assert.deepEqual(await tiers.keys(tiers.cold), [cold!.path.slice('memory://cold/'.length)]);
  assert.deepEqual(await tiers.place.paths(), [], 'the local file is gone');
  assert.deepEqual(await tiers.place.catalog.files('acme', 'logs'), [cold]);

  tiers.place.clock.advance(2 * DAY_MS);
  await tiers.place.pass(RETENTION_MS + 20_000);
  const [archived] = tiers.files();
  assert.equal(archived!.tier, 'archive');
  assert.deepEqual(await tiers.keys(tiers.cold), []);
  assert.deepEqual(await tiers.keys(tiers.archive), [archived!.path.slice('memory://archive/'.length)]);
  assert.equal(archived!.fileId, cold!.fileId);
  assert.deepEqual(await tiers.place.catalog.garbage(), []);
  await tiers.place.store.close();
});

test('while the bucket is gone nothing moves and nothing is lost; when it is back it catches up', async () => {
  const tiers = await place();
  await tiers.place.fill(8);
  const outage = tiers.cold.faults.fail('before', { times: Infinity });
  tiers.place.clock.advance(DAY_MS + 1);
  await tiers.place.pass(120_000);
  assert.equal(tiers.files()[0]!.tier, 'hot');
  assert.ok(tiers.place.store.stats().tiers.failures >= 3);
  assert.equal((await tiers.place.rows()).length, 16);
  outage.clear();
  await tiers.place.pass(120_000);
  assert.equal(tiers.files()[0]!.tier, 'cold');
  assert.deepEqual(await tiers.place.paths(), []);
  assert.deepEqual(await tiers.place.catalog.garbage(), []);
  await tiers.place.store.close();
});

test('while the archive is gone files go to the cold tier all the same', async () => {
  const tiers = await place();
  const outage = tiers.archive.faults.fail('before', { times: Infinity });
  await tiers.place.fill(8);
  await tiers.place.settle();
  tiers.place.clock.advance(3 * DAY_MS + 1);
  await tiers.place.fill(8);
  await tiers.place.pass(10_000);
  assert.deepEqual(
    tiers.files().map(({ tier }) => tier),
    ['cold', 'hot'],
  );
  tiers.place.clock.advance(2 * DAY_MS);
  await tiers.place.pass(10_000);
  assert.deepEqual(
    tiers.files().map(({ tier }) => tier),
    ['cold', 'cold'],
  );
  outage.clear();
  await tiers.place.pass(120_000);
  assert.equal(tiers.files()[0]!.tier, 'archive');
  await tiers.place.store.close();
});

test('a file that cannot be moved waits longer each time, and keeps no other back', async () => {
  const tiers = await place();
  await tiers.place.fill(8, 'logs');
  await tiers.place.settle();
  const [first] = tiers.files();
  await tiers.place.fill(8, 'traces');
  await tiers.place.settle();
  const damage = tiers.place.fileSystem.fail('EIO', {
    operation: 'read',
    path: new RegExp(first!.path),
    times: Infinity,
  });
  tiers.place.clock.advance(DAY_MS + 1);
  await tiers.place.pass(600_000);
  assert.equal(tiers.place.files('traces')[0]!.tier, 'cold');
  assert.equal(tiers.files()[0]!.tier, 'hot');
  const { failures } = tiers.place.store.stats().tiers;
  assert.ok(failures > 5 && failures < 20, `tried ${failures} times in ten minutes`);
  damage.clear();
  await tiers.place.pass(70_000);
  assert.equal(tiers.files()[0]!.tier, 'cold');
  await tiers.place.store.close();
});

test('a file for which its store alone fails keeps no other back', async () => {
  const tiers = await place();
  await tiers.place.fill(8, 'logs');
  await tiers.place.settle();
  await tiers.place.fill(8, 'traces');
  await tiers.place.settle();
  tiers.cold.faults.fail('before', { operation: 'put', key: /logs/, times: Infinity });
  tiers.place.clock.advance(DAY_MS + 1);
  await tiers.place.pass(10_000);
  assert.equal(tiers.place.files('traces')[0]!.tier, 'cold');
  assert.equal(tiers.files()[0]!.tier, 'hot');
  await tiers.place.store.close();
});

test('an upload whose answer is lost leaves one object, and a crash after it none too many', async () => {
  const tiers = await place();
  await tiers.place.fill(8);
  await tiers.place.settle();
  tiers.cold.faults.fail('after', { operation: 'put', times: 1 });
  tiers.place.clock.advance(DAY_MS + 1);
  await tiers.place.pass(5000);
  await tiers.place.store.close();
  await tiers.open();
  await tiers.place.pass(120_000);
  assert.equal((await tiers.keys(tiers.cold)).length, 1);
  assert.equal(tiers.files()[0]!.tier, 'cold');
  await tiers.place.store.close();
});

test('a move whose answer is lost shows, also when the file is not to move any more', async () => {
  const tiers = await place();
  const { clock, catalog } = tiers.place;
  await tiers.place.fill(8);
  const move = catalog.move.bind(catalog);
  catalog.move = async (wanted) => {
    await move(wanted);
    clock.jump(-2 * DAY_MS);
    throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'the answer is lost');
  };
  clock.advance(DAY_MS + 1);
  await tiers.place.pass(RETENTION_MS + 20_000);
  assert.equal(tiers.files()[0]!.tier, 'cold');
  assert.equal(tiers.place.store.stats().tiers.failures, 1);
  await tiers.place.store.close();
});

test('an object that came to be before a crash, and never was a file, is removed', async () => {
  const tiers = await place({});
  const lost = 'memory://cold/acme/logs/lost.parquet';
  await tiers.place.catalog.announce([lost]);
  await tiers.cold.put('acme/logs/lost.parquet', { sizeBytes: 1, read: async () => new Uint8Array(1) });
  await tiers.place.pass(10_000);
  assert.deepEqual(await tiers.keys(tiers.cold), []);
  assert.deepEqual(await tiers.place.catalog.garbage(), []);
  await tiers.place.store.close();
});

test('a hot tier that is full takes no more records until its oldest files have moved on', async () => {
  const tiers = await place({ hotBytes: 1 });
  const outage = tiers.cold.faults.fail('before', { times: Infinity });
  tiers.place.store.checkRoom();
  await tiers.place.fill(3);
  await tiers.place.pass(60_000);
  assert.throws(() => tiers.place.store.checkRoom(), { code: 'OVERLOADED' });
  outage.clear();
  await tiers.place.pass(60_000);
  tiers.place.store.checkRoom();
  await tiers.place.pass(RETENTION_MS + 20_000);
  assert.ok(tiers.files().every(({ tier }) => tier === 'cold'));
  assert.deepEqual(await tiers.place.paths(), []);
  await tiers.place.store.close();
});

test('a table with a size of its own gives off what is over, and others stay', async () => {
  const tiers = await place({ policies: [{ tenant: 'acme', table: 'logs', hotBytes: 1 }] });
  await tiers.place.fill(8, 'logs');
  await tiers.place.fill(8, 'traces');
  await tiers.place.pass(10_000);
  assert.deepEqual([...new Set(tiers.files().map(({ tier }) => tier))], ['cold']);
  assert.deepEqual([...new Set(tiers.place.files('traces').map(({ tier }) => tier))], ['hot']);
  await tiers.place.store.close();
});

test('the archive can be a class of the store that the file is in', async () => {
  const tiers = await place({ policies: [{ archiveAfterMs: DAY_MS, coldAfterMs: 1000 }], archiveClass: 'ARCHIVE' });
  tiers.archive = tiers.cold;
  await tiers.place.store.close();
  await tiers.open();
  await tiers.place.fill(8);
  await tiers.place.pass(30_000);
  assert.equal(tiers.files()[0]!.tier, 'cold');
  const path = tiers.files()[0]!.path;
  tiers.place.clock.advance(DAY_MS);
  await tiers.place.pass(30_000);
  assert.deepEqual([tiers.files()[0]!.tier, tiers.files()[0]!.path], ['archive', path]);
  const [key] = await tiers.keys(tiers.cold);
  assert.equal((await tiers.cold.head(key!))!.storageClass, 'ARCHIVE');
  await tiers.place.store.close();
});

test('a store that is closed gives a move up, and the next start makes it', async () => {
  const tiers = await place();
  await tiers.place.fill(8);
  await tiers.place.settle();
  const outage = tiers.cold.faults.slow(DAY_MS, { operation: 'put', times: Infinity });
  tiers.place.clock.advance(DAY_MS + 1);
  await tiers.place.pass(5000);
  assert.equal(outage.seen, 1);
  const closing = tiers.place.store.close();
  await tiers.place.pass(1000);
  await closing;
  await tiers.place.store.close();
  assert.equal(tiers.place.store.stats().tiers.failures, 0);
  outage.clear();
  await tiers.open();
  await tiers.place.pass(RETENTION_MS + 20_000);
  assert.equal(tiers.files()[0]!.tier, 'cold');
  assert.equal((await tiers.keys(tiers.cold)).length, 1);
  assert.deepEqual(await tiers.place.catalog.garbage(), []);
  await tiers.place.store.close();
});

test('a store that is closed gives a removal up, and a deletion that waits for it; the next start removes', async () => {
  const tiers = await place();
  await tiers.place.fill(8);
  tiers.place.clock.advance(DAY_MS + 1);
  await tiers.place.pass(RETENTION_MS + 20_000);
  assert.equal((await tiers.keys(tiers.cold)).length, 1);
  const outage = tiers.cold.faults.slow(DAY_MS, { operation: 'remove', times: Infinity });
  const deletion = assert.rejects(tiers.place.store.deleteTenant('acme'), { code: 'CLOSED' });
  await tiers.place.pass(10_000);
  assert.ok(outage.seen > 0);
  const closing = tiers.place.store.close();
  await tiers.place.pass(1000);
  await closing;
  await deletion;
  assert.equal(tiers.place.store.stats().retirement.failures, 0);
  outage.clear();
  await tiers.open();
  await tiers.place.pass(10_000);
  assert.deepEqual(await tiers.keys(tiers.cold), []);
  await tiers.place.store.close();
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DataFile, type FileRead, indexPath, OpenWitError, placesOf } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { MemoryObjectStore } from '../objects/memory-object-store.ts';
import { fakeIndexBuilder } from '../testing/fake-index-builder.ts';
import { RETENTION_MS, StorePlace } from '../testing/store-place.ts';

const DAY_MS = 86_400_000;
const DELAY_MS = 30_000;

type Settings = Parameters<typeof StorePlace.make>[1];

async function placeOf(settings: Settings = {}, builder?: ReturnType<typeof fakeIndexBuilder>) {
  const place = await StorePlace.make();
  await place.store.close();
  const cold = new MemoryObjectStore({ clock: place.clock, random: new SeededRandom(1) }, { url: 'memory://cold' });
  const indexBuilder = builder ?? fakeIndexBuilder(place.fileSystem);
  const open = () => place.reopen({ indexBuilder, tiers: { cold } }, settings);
  await open();
  return { place, cold, open };
}

/** All files that are there are those of the table, and their indexes; and each has one. */
async function isWhole(place: StorePlace): Promise<void> {
  const files = place.files();
  assert.ok(files.every(({ index, generation }) => generation === 0 || index !== undefined));
  assert.deepEqual(await place.catalog.files('acme', 'logs'), files);
  const local = files.filter(({ tier }) => tier === 'hot').flatMap(placesOf);
  assert.deepEqual((await place.paths()).sort(), local.sort());
  for (const { path, index } of files.filter((file) => file.tier === 'hot' && file.index !== undefined)) {
    const file = await place.memory.open(indexPath(path, index!), 'read');
    assert.equal(await file.size(), index!.sizeBytes);
    await file.close();
  }
}

test('a merged file gets an index when it has been there for a while', async () => {
  const { place } = await placeOf();
  await place.fill(8);
  await place.pass(DELAY_MS - 2000);
  assert.deepEqual(
    place.files().map(({ index }) => index),
    [undefined],
  );
  await place.pass(10_000 + RETENTION_MS);
  const [file] = place.files() as [DataFile];
  assert.deepEqual(file.index!.columns, ['body', 'trace_id', 'span_id', 'severity_text']);
  await isWhole(place);
  const { built, rows, bytesWritten, failures } = place.store.stats().indexing;
  assert.deepEqual(
    { built, rows, bytesWritten, failures },
    { built: 1, rows: 16, bytesWritten: file.index!.sizeBytes, failures: 0 },
  );
  await place.store.close();
});

test('a file as large as files become does not wait', async () => {
  const { place } = await placeOf({ compaction: { stableBytes: 1 } });
  await place.fill(8);
  await place.pass(5000);
  // With files of any size none is merged, and none that was not merged has an index.
  assert.ok(place.files().every(({ index }) => index === undefined));
  await place.store.close();
  const { place: other } = await placeOf({ compaction: { stableBytes: 70 } });
  await other.fill(8);
  await other.pass(5000);
  assert.ok(other.files().some(({ index }) => index !== undefined));
  await other.store.close();
});

test('compact indexes what it merged', async () => {
  const { place } = await placeOf();
  await place.fill(3);
  await place.store.compact();
  assert.deepEqual(
    place.files().map(({ index }) => index !== undefined),
    [true],
  );
  await place.store.close();
});

test('what is indexed is what the last rule says; files that have an index keep it', async () => {
  const rules = [
    { text: [] },
    { tenant: 'acme', table: 'logs' as const, values: ['trace_id'] },
    { tenant: 'other', values: [] },
  ];
  const { place, open } = await placeOf({ indexing: { rules } });
  await place.fill(8);
  await place.pass(DELAY_MS + 10_000);
  assert.deepEqual(place.files()[0]!.index!.columns, ['trace_id']);
  const before = place.files();
  await place.store.close();
  await open();
  await place.pass(DELAY_MS + 10_000);
  assert.deepEqual(place.files(), before);
  await place.store.close();
});

test('a file that cannot be indexed waits longer each time, and keeps no other back', async () => {
  const { place } = await placeOf();
  const full = place.fileSystem.fail('ENOSPC', { operation: 'write', path: /\/logs\/.*\.index/, times: Infinity });
  await place.fill(8, 'logs');
  await place.fill(8, 'traces');
  await place.pass(600_000);
  assert.equal(place.files('logs')[0]!.index, undefined);
  assert.notEqual(place.files('traces')[0]!.index, undefined);
  const { failures, lastError } = place.store.stats().indexing;
  assert.ok(failures > 5 && failures < 20, `tried ${failures} times in ten minutes`);
  assert.equal((lastError as NodeJS.ErrnoException).code, 'ENOSPC');
  assert.equal((await place.rows()).length, 16);
  full.clear();
  await place.pass(600_000);
  assert.notEqual(place.files('logs')[0]!.index, undefined);
  assert.equal(place.store.stats().indexing.lastError, undefined);
  await place.pass(RETENTION_MS);
  assert.deepEqual(await place.catalog.garbage(), []);
  await place.store.close();
});

for (const operation of ['sync', 'rename', 'syncFolder', 'open'] as const) {
  test(`a power cut or a failure at ${operation} leaves no index that is not whole`, async () => {
    const { place, open } = await placeOf();
    await place.fill(8);
    await place.pass(5000);
    place.fileSystem.fail('EIO', { operation, path: operation === 'syncFolder' ? /logs/ : /\.index/, times: 3 });
    await place.pass(DELAY_MS + 5000);
    await place.store.close();
    await open();
    await place.pass(DELAY_MS + RETENTION_MS + 60_000);
    await isWhole(place);
    await place.store.close();
  });
}

test('a file that was merged while it was indexed is done with, and so is its index', async () => {
  const held = Promise.withResolvers<void>();
  const place = await StorePlace.make();
  await place.store.close();
  const builder = fakeIndexBuilder(place.fileSystem);
  let builds = 0;
  const build: typeof builder.build = async (request) => {
    if (++builds === 1) await held.promise;
    return builder.build(request);
  };
  await place.reopen({ indexBuilder: { ...builder, build } });
  await place.fill(8);
  await place.pass(DELAY_MS + 5000);
  assert.equal(builds, 1);
  await place.fill(60);
  const compacted = place.store.compact();
  await place.settle();
  held.resolve();
  await compacted;
  await place.pass(DELAY_MS + 3 * RETENTION_MS);
  await isWhole(place);
  assert.equal((await place.rows()).length, 136);
  assert.deepEqual(await place.catalog.garbage(), []);
  await place.store.close();
});

test('a catalog that does not answer may have taken the index: it is asked again', async () => {
  const { place } = await placeOf();
  await place.fill(8);
  await place.pass(5000);
  const setIndex = place.catalog.setIndex.bind(place.catalog);
  let lost = 0;
  place.catalog.setIndex = async (change) => {
    const answer = await setIndex(change);
    if (lost++ < 2) throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'no answer');
    return answer;
  };
  await place.pass(DELAY_MS + RETENTION_MS + 60_000);
  assert.ok(lost > 0);
  await isWhole(place);
  await place.store.close();
});

test('an index moves with its file, and goes with it', async () => {
  const { place, cold } = await placeOf({
    policies: [{ coldAfterMs: DAY_MS, retentionMs: 9 * DAY_MS }],
    clockConfirmMs: 1000,
  });
  await place.fill(8);
  await place.pass(DELAY_MS + 5000);
  place.clock.advance(DAY_MS);
  await place.pass(RETENTION_MS + 20_000);
  const [file] = place.files() as [DataFile];
  assert.equal(file.tier, 'cold');
  const keys = async () => {
    const found: string[] = [];
    for await (const { key } of cold.list('')) found.push(`memory://cold/${key}`);
    return found.sort();
  };
  assert.deepEqual(await keys(), placesOf(file).sort());
  assert.equal(placesOf(file).length, 2);
  assert.deepEqual(await place.paths(), []);

  await place.store.deleteTenant('acme');
  assert.deepEqual(await keys(), []);
  await place.store.close();
});

test('an index that a query found damaged is dropped at once, and built anew', async () => {
  const { place } = await placeOf();
  await place.fill(8);
  await place.pass(DELAY_MS + 5000);
  const [file] = place.files() as [DataFile];
  const snapshot = place.store.snapshot('acme', ['logs']);
  snapshot.indexIsDamaged!('logs', file);
  snapshot.release();
  await place.settle();
  const [again] = place.files() as [DataFile];
  assert.notEqual(again.index!.name, file.index!.name);
  assert.deepEqual({ ...again, index: undefined }, { ...file, index: undefined });
  const { built, damaged } = place.store.stats().indexing;
  assert.deepEqual({ built, damaged }, { built: 2, damaged: 1 });
  await place.pass(RETENTION_MS + 20_000);
  await isWhole(place);
  await place.store.close();
});

test('the index of a file in a bucket is built anew there, by what is brought here of the file', async () => {
  const { place, cold } = await placeOf({ policies: [{ coldAfterMs: DAY_MS }] });
  await place.fill(8);
  await place.pass(DELAY_MS + 5000);
  place.clock.advance(DAY_MS);
  await place.pass(RETENTION_MS + 20_000);
  await place.store.close();
  const asked: unknown[] = [];
  const coldFiles = {
    reads: () => ({
      localise: async (reads: readonly FileRead[]) => {
        asked.push(...reads.map(({ columns }) => columns));
        return new Map(reads.map(({ file: { fileId } }) => [fileId, '/cache/copy.parquet']));
      },
      localiseIndexes: async () => new Map(),
      release: () => {},
    }),
    forget: async () => new Map(),
  };
  await place.reopen({ indexBuilder: fakeIndexBuilder(place.fileSystem), tiers: { cold }, coldFiles });
  const [file] = place.files() as [DataFile];
  const snapshot = place.store.snapshot('acme', ['logs']);
  snapshot.indexIsDamaged!('logs', file);
  snapshot.release();
  await place.settle();
  const [again] = place.files() as [DataFile];
  assert.notEqual(again.index!.name, file.index!.name);
  assert.deepEqual(asked, [['body', 'trace_id', 'span_id', 'severity_text']]);
  await place.pass(RETENTION_MS + 20_000);
  const keys: string[] = [];
  for await (const { key } of cold.list('')) keys.push(`memory://cold/${key}`);
  assert.deepEqual(keys.sort(), placesOf(again).sort());
  assert.deepEqual(await place.paths(), []);
  await place.store.close();
});

test('an index whose file is lost keeps its data file from nothing', async () => {
  const { place } = await placeOf({ policies: [{ coldAfterMs: DAY_MS }] });
  await place.fill(8);
  await place.pass(DELAY_MS + 5000);
  const [file] = place.files() as [DataFile];
  await place.memory.remove(indexPath(file.path, file.index!));
  place.clock.advance(DAY_MS);
  await place.pass(120_000);
  assert.equal(place.files()[0]!.tier, 'cold');
  assert.equal((await place.catalog.files('acme', 'logs'))[0]!.tier, 'cold');
  await place.store.close();
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Catalog, isOpenWitError, type SealedBatch, type Snapshot } from '@openwit/ports';
import { batchOf, DrivenClock, FaultyFileSystem, MemoryFileSystem, SeededRandom } from '@openwit/ports/testing';
import { SqliteCatalog } from './catalog/sqlite-catalog.ts';
import { LsmStore } from './lsm-store.ts';
import { fakeWriters, openCatalog, rowsOfFile, sealedLogs } from './testing/store-fixture.ts';

const SETTINGS = { dataPath: '/data', nodeId: 'cafe0001' };

describe('a row between memory and file', () => {
  test('is never in neither and never in both, at every step of an append', async () => {
    const fileSystem = new MemoryFileSystem();
    const catalog = await openCatalog();
    const store = await LsmStore.open(
      { catalog, fileSystem, clock: new DrivenClock(), writers: fakeWriters },
      SETTINGS,
    );
    let isDone = false;
    for (let batchId = 1; batchId <= 5; batchId++) {
      isDone = false;
      const appended = store.append(sealedLogs(batchId, 3)).then(() => void (isDone = true));
      while (!isDone) {
        const snapshot = store.snapshot('acme', ['logs']);
        assert.equal(countRows(snapshot), 3 * batchId);
        snapshot.release();
        await undefined;
      }
      await appended;
    }
    assert.equal(store.snapshot('acme', ['logs']).tables.get('logs')!.batches.length, 0);
    await store.close();
  });
});

for (const code of ['ENOSPC', 'EIO', 'EMFILE']) {
  test(`${code} at every operation of a write: the batch stays visible, is tried again and is stored once`, async () => {
    for (let from = 1; ; from++) {
      const fileSystem = new FaultyFileSystem(new MemoryFileSystem());
      const clock = new DrivenClock();
      const catalog = await openCatalog();
      const store = await LsmStore.open({ catalog, fileSystem, clock, writers: fakeWriters }, SETTINGS);
      const fault = fileSystem.fail(code, { from, times: 2 });
      let isDone = false;
      const appended = store.append(sealedLogs(1, 4)).then(() => void (isDone = true));
      while (!isDone) {
        assert.equal(countRows(store.snapshot('acme', ['logs'])), 4);
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(10_000);
      }
      await appended;
      assert.equal(store.stats().lastError, undefined);
      assert.equal((await catalog.files('acme', 'logs')).length, 1);
      await store.close();
      if (fault.seen < from) break;
    }
  });
}

test('a failure is told in the statistics', async () => {
  const fileSystem = new FaultyFileSystem(new MemoryFileSystem());
  const catalog = await openCatalog();
  const store = await LsmStore.open({ catalog, fileSystem, clock: new DrivenClock(), writers: fakeWriters }, SETTINGS);
  fileSystem.fail('ENOSPC', { operation: 'write', times: Infinity });
  const appended = store.append(sealedLogs(1, 4));
  while (store.stats().failures === 0) await new Promise((resolve) => setImmediate(resolve));
  const stats = store.stats();
  assert.equal((stats.lastError as NodeJS.ErrnoException).code, 'ENOSPC');
  assert.equal(stats.pendingBatches, 1);
  assert.ok(stats.pendingBytes > 0);
  const closed = store.close();
  await assert.rejects(appended, (e) => isOpenWitError(e) && e.code === 'STORE_UNAVAILABLE');
  await closed;
  await assert.rejects(store.append(sealedLogs(2, 1)), (e) => isOpenWitError(e) && e.code === 'CLOSED');
});

test('the memory of a file goes back when it is written, not before', async () => {
  const fileSystem = new FaultyFileSystem(new MemoryFileSystem());
  const catalog = await openCatalog();
  const clock = new DrivenClock();
  let returned = 0;
  const writers: typeof fakeWriters = { ...fakeWriters, giveBack: () => void returned++ };
  const store = await LsmStore.open({ catalog, fileSystem, clock, writers }, SETTINGS);
  fileSystem.fail('ENOSPC', { operation: 'write', times: 1 });
  const appended = store.append(sealedLogs(1, 4));
  while (store.stats().failures === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(returned, 0);
  clock.advance(1000);
  await appended;
  assert.equal(returned, 1);
  await store.close();
});

test('a batch that another attempt had committed is not stored twice', async () => {
  const fileSystem = new MemoryFileSystem();
  const catalog = await openCatalog();
  let answers = 0;
  const unclear: Catalog = Object.assign(Object.create(catalog), {
    commit: async (commit: Parameters<Catalog['commit']>[0]) => {
      const files = await catalog.commit(commit);
      if (answers++ === 0) throw new Error('the answer was lost');
      return files;
    },
  });
  const bound = bindMethods(unclear, catalog);
  const clock = new DrivenClock();
  const store = await LsmStore.open({ catalog: bound, fileSystem, clock, writers: fakeWriters }, SETTINGS);
  const appended = store.append(sealedLogs(1, 4));
  while (store.stats().failures === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(1000);
  await appended;
  assert.equal(countRows(store.snapshot('acme', ['logs'])), 4);
  assert.equal((await catalog.files('acme', 'logs')).length, 1);
  await store.close();
});

test('a batch whose table changed under its columns is encoded anew', async () => {
  const catalog = await openCatalog();
  const clock = new DrivenClock();
  let encoded = 0;
  const writers: typeof fakeWriters = {
    ...fakeWriters,
    encode: async (request) => {
      const { nextFieldId: fieldId } = request;
      const column = { fieldId, map: 'attributes', key: 'a', name: 'attributes.a', type: 'text' as const };
      // Meanwhile another node has a column of the same id.
      const table = await catalog.openTable('acme', 'logs');
      const columns = encoded++ === 0 ? [{ ...column, key: 'b', name: 'attributes.b' }] : [];
      const { tenant } = table;
      const commit = { tenant, table: 'logs', files: [], replaces: [], ranges: [], sources: [] } as const;
      await catalog.commit({ ...commit, newColumns: columns });
      return { ...(await fakeWriters.encode(request)), newColumns: [column], attributeColumnIds: [fieldId] };
    },
  };
  const store = await LsmStore.open({ catalog, fileSystem: new MemoryFileSystem(), clock, writers }, SETTINGS);
  let isDone = false;
  const appended = store.append(sealedLogs(1, 2)).then(() => void (isDone = true));
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1000);
  }
  await appended;
  assert.equal(encoded, 2);
  const [file] = await catalog.files('acme', 'logs');
  const { attributeColumns } = await catalog.openTable('acme', 'logs');
  assert.deepEqual(
    attributeColumns.map(({ name }) => name),
    ['attributes.b', 'attributes.a'],
  );
  assert.deepEqual(file?.attributeColumnIds, [attributeColumns[1]!.fieldId]);
  await store.close();
});

test('leftovers of a crash are removed at open, files of others and committed ones are not', async () => {
  const fileSystem = new MemoryFileSystem();
  const catalog = await openCatalog();
  const first = await LsmStore.open({ catalog, fileSystem, clock: new DrivenClock(), writers: fakeWriters }, SETTINGS);
  await first.append(sealedLogs(1, 4));
  await first.close();
  const [file] = await catalog.files('acme', 'logs');
  const folder = file!.path.slice(0, file!.path.lastIndexOf('/'));
  const other = folder.replace('cafe0001', 'beef0002');
  await fileSystem.makeFolder(other);
  for (const path of [`${folder}/active-9.parquet`, `${folder}/active-9.parquet.tmp`, `${other}/active-9.parquet`]) {
    await (await fileSystem.open(path, 'create')).close();
  }
  const second = await LsmStore.open({ catalog, fileSystem, clock: new DrivenClock(), writers: fakeWriters }, SETTINGS);
  assert.deepEqual(
    (await fileSystem.list(folder)).map(({ name }) => `${folder}/${name}`),
    [file!.path],
  );
  assert.equal((await fileSystem.list(other)).length, 1);
  assert.equal(countRows(second.snapshot('acme', ['logs'])), 4);
  await second.close();
});

test('a snapshot keeps what it saw', async () => {
  const fileSystem = new MemoryFileSystem();
  const catalog = await openCatalog();
  const store = await LsmStore.open({ catalog, fileSystem, clock: new DrivenClock(), writers: fakeWriters }, SETTINGS);
  await store.append(sealedLogs(1, 4));
  const snapshot = store.snapshot('acme', ['logs', 'traces']);
  await store.append(sealedLogs(2, 4));
  assert.equal(countRows(snapshot), 4);
  snapshot.release();
  snapshot.release();
  assert.equal(countRows(store.snapshot('nobody', ['logs'])), 0);
  await store.close();
});

test('the file stands where the layout says, and holds the rows', async () => {
  const fileSystem = new MemoryFileSystem();
  const catalog = await openCatalog();
  const committed: number[] = [];
  const onCommitted = ({ batchId }: SealedBatch['range']): void => void committed.push(batchId);
  const store = await LsmStore.open(
    { catalog, fileSystem, clock: new DrivenClock(), writers: fakeWriters, onCommitted },
    SETTINGS,
  );
  await store.append(sealedLogs(42, 3));
  const [file] = await catalog.files('acme', 'logs');
  assert.equal(file!.path, '/data/acme/logs/2027/01/15/cafe0001/active-00000000002a-00000000000001a4.parquet');
  assert.deepEqual(await rowsOfFile(fileSystem, file!.path), ['42/0', '42/1', '42/2']);
  assert.deepEqual(committed, [42]);
  await store.close();
});

test('tables are written side by side, the batches of one table in order', async () => {
  const fileSystem = new MemoryFileSystem();
  const random = new SeededRandom(1);
  const catalog = await openCatalog();
  const store = await LsmStore.open({ catalog, fileSystem, clock: new DrivenClock() }, { ...SETTINGS, threads: 2 });
  await Promise.all(
    Array.from({ length: 12 }, (_, i) => store.append({ ...sealedLogs(i + 1, 50), tenant: `t${random.below(3)}` })),
  );
  for (const { tenant, files } of store.stats().tables) {
    const ids = (await catalog.files(tenant, 'logs')).map(({ path }) => path.slice(-37));
    assert.equal(ids.length, files);
    assert.deepEqual(ids, [...ids].sort());
  }
  await store.close();
});

test('a parquet thread that dies rejects its batch only, and the batch is tried again', async () => {
  const { ParquetWriters } = await import('./parquet/parquet-writers.ts');
  const writers = new ParquetWriters();
  const bad = {
    table: 'logs',
    rows: 1,
    columns: [],
    fieldIds: new Map(),
    attributeColumns: [],
    nextFieldId: 1,
    settings: { minShare: 1, maxPerTable: 1 },
  } as const;
  await assert.rejects(writers.encode(bad), (e) => isOpenWitError(e) && e.kind === 'internal');
  const store = await LsmStore.open(
    { catalog: await openCatalog(), fileSystem: new MemoryFileSystem(), clock: new DrivenClock(), writers },
    SETTINGS,
  );
  await store.append(sealedLogs(1, 5));
  await store.close();
});

function countRows(snapshot: Snapshot): number {
  const { batches, files } = snapshot.tables.get('logs')!;
  return [...batches.map(({ batch }) => batch.numRows), ...files.map(({ rows }) => rows)].reduce(
    (sum, rows) => sum + rows,
    0,
  );
}

/** The overrides of `outer`, everything else on the real object: private fields need their own `this`. */
function bindMethods(outer: Catalog, inner: Catalog): Catalog {
  return new Proxy(inner, {
    get: (target, key) => {
      const own = Object.hasOwn(outer, key) ? Reflect.get(outer, key) : Reflect.get(target, key);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

test('batchOf and a real catalog agree on the columns', async () => {
  const catalog = await SqliteCatalog.open({ clock: new DrivenClock() }, { path: ':memory:', dataPath: '/data' });
  const { fieldIds } = await catalog.openTable('acme', 'logs');
  for (const { name } of batchOf('logs', [{}]).schema.fields) assert.ok(fieldIds.has(name), name);
  await catalog.close();
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOpenWitError } from '../errors.ts';
import { type CatalogPlace, commitOf } from './catalog-commits.ts';
import { testDroppedTenants } from './catalog-drop-suite.ts';
import { testFileChanges } from './catalog-files-suite.ts';
import { testGarbage } from './catalog-garbage-suite.ts';

/** Proves the guarantees of {@link Catalog} on an implementation. */
export function testCatalog(name: string, make: () => Promise<CatalogPlace>): void {
  describe(`${name} is a catalog`, () => {
    test('a table is made once, and every nested column has a field id of its own', async () => {
      const { open } = await make();
      const catalog = await open();
      const table = await catalog.openTable('acme', 'traces');
      assert.deepEqual(await catalog.openTable('acme', 'traces'), table);
      for (const path of [
        'timestamp',
        'attributes.key',
        'events.element.name',
        'events.element.attribute_types.value',
      ]) {
        assert.ok(table.fieldIds.has(path), path);
      }
      const ids = [...table.fieldIds.values()];
      assert.equal(new Set(ids).size, ids.length);
      assert.ok(ids.every((id) => id < table.nextFieldId));
      assert.deepEqual(await catalog.tables(), [table]);
      await catalog.close();
    });

    test('a tenant that differs from another only in case is refused', async () => {
      const catalog = await (await make()).open();
      await catalog.openTable('acme', 'traces');
      await assert.rejects(catalog.openTable('Acme', 'logs'), (e) => isOpenWitError(e) && e.code === 'INVALID_TENANT');
      await assert.rejects(catalog.openTable('../x', 'logs'), (e) => isOpenWitError(e) && e.code === 'INVALID_TENANT');
      await catalog.close();
    });

    test('a commit is there after a restart, all of it', async () => {
      const place = await make();
      const first = await place.open();
      const table = await first.openTable('acme', 'logs');
      const commit = commitOf(place, table, 7, { withColumn: true });
      const files = await first.commit(commit);
      assert.equal(files.length, 1);
      await first.close();

      const second = await place.open();
      assert.deepEqual(await second.files('acme', 'logs'), files);
      assert.deepEqual((await second.openTable('acme', 'logs')).attributeColumns, commit.newColumns);
      assert.equal((await second.openTable('acme', 'logs')).nextFieldId, table.nextFieldId + 1);
      assert.deepEqual(await second.committedRanges(), commit.ranges);
      assert.deepEqual(await second.sourcePositions(), commit.sources);
      assert.equal(await second.nextBatchId(), 8);
      await second.close();
    });

    test('a range is committed once, however often it is tried', async () => {
      const place = await make();
      const catalog = await place.open();
      const table = await catalog.openTable('acme', 'logs');
      const commit = commitOf(place, table, 1);
      assert.equal((await catalog.commit(commit)).length, 1);
      assert.deepEqual(await catalog.commit(commit), []);
      assert.equal((await catalog.files('acme', 'logs')).length, 1);
      await catalog.close();
    });

    test('a commit that fails leaves nothing', async () => {
      const place = await make();
      const catalog = await place.open();
      const table = await catalog.openTable('acme', 'logs');
      const commit = commitOf(place, table, 1, { withColumn: true });
      const stats = [{ fieldId: 100_000, valueCount: 1, nullCount: 0 }];
      const broken = { ...commit, files: [{ ...commit.files[0]!, columnStats: stats }] };
      await assert.rejects(catalog.commit(broken));
      assert.deepEqual(await catalog.openTable('acme', 'logs'), table);
      assert.deepEqual(await catalog.files('acme', 'logs'), []);
      assert.deepEqual(await catalog.committedRanges(), []);
      assert.equal((await catalog.commit(commit)).length, 1);
      await catalog.close();
    });

    test('forgotten ranges are gone, batch ids go on and sources never go back', async () => {
      const place = await make();
      const catalog = await place.open();
      const table = await catalog.openTable('acme', 'logs');
      for (const batchId of [5, 3, 4]) await catalog.commit(commitOf(place, table, batchId));
      await catalog.forgetRanges([3, 5]);
      assert.deepEqual(await catalog.committedRanges(), [{ batchId: 4, throughLsn: 40 }]);
      assert.equal(await catalog.nextBatchId(), 6);
      assert.deepEqual(await catalog.sourcePositions(), [{ source: 'kafka/a/0', next: 500 }]);
      await catalog.close();
    });

    test('what a node is sure of is there after a restart', async () => {
      const place = await make();
      const catalog = await place.open();
      assert.equal(await catalog.trustedMs(), undefined);
      await catalog.trust(1_800_000_000_000);
      await catalog.trust(1_700_000_000_000.5);
      await catalog.close();
      const again = await place.open();
      assert.equal(await again.trustedMs(), 1_700_000_000_000);
      await again.close();
    });

    test('tables keep their files apart', async () => {
      const place = await make();
      const catalog = await place.open();
      await catalog.commit(commitOf(place, await catalog.openTable('acme', 'logs'), 1));
      await catalog.commit(commitOf(place, await catalog.openTable('other', 'logs'), 2));
      await catalog.openTable('acme', 'metrics');
      assert.equal((await catalog.files('acme', 'logs')).length, 1);
      assert.equal((await catalog.files('other', 'logs')).length, 1);
      assert.deepEqual(await catalog.files('acme', 'metrics'), []);
      assert.deepEqual(await catalog.files('nobody', 'metrics'), []);
      await catalog.close();
    });

    test('a commit without files records its progress', async () => {
      const place = await make();
      const catalog = await place.open();
      const commit = { ...commitOf(place, await catalog.openTable('acme', 'logs'), 3), files: [] };
      assert.deepEqual(await catalog.commit(commit), []);
      assert.deepEqual(await catalog.committedRanges(), commit.ranges);
      assert.deepEqual(await catalog.sourcePositions(), commit.sources);
      assert.equal(await catalog.nextBatchId(), 4);
      await catalog.close();
    });

    test('a closed catalog says so', async () => {
      const catalog = await (await make()).open();
      await catalog.openTable('acme', 'logs');
      await catalog.close();
      await catalog.close();
      const isClosed = (error: unknown) => isOpenWitError(error) && error.kind === 'closed' && error.code === 'CLOSED';
      await assert.rejects(catalog.tables(), isClosed);
      await assert.rejects(catalog.files('acme', 'logs'), isClosed);
      await assert.rejects(catalog.dropTenant('acme'), isClosed);
      await assert.rejects(catalog.openTable('acme', 'traces'), isClosed);
    });

    testFileChanges(make);
    testGarbage(make);
    testDroppedTenants(make);
  });
}

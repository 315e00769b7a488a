import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CatalogPlace, commitOf, fileOf, rewriteOf } from './catalog-commits.ts';
import { isConflict } from './catalog-errors.ts';

/** What is left of a tenant that goes. */
export function testDroppedTenants(make: () => Promise<CatalogPlace>): void {
  test('a dropped tenant has no tables, and others keep theirs', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    await catalog.openTable('acme', 'traces');
    const other = await catalog.openTable('other', 'logs');
    const [file] = await catalog.commit(commitOf(place, table, 1));
    const [kept] = await catalog.commit(commitOf(place, other, 2));
    await catalog.dropTenant('acme');
    await catalog.dropTenant('nobody');
    assert.deepEqual(await catalog.tables(), [other]);
    assert.deepEqual(await catalog.files('acme', 'logs'), []);
    assert.deepEqual(await catalog.garbage(), [], 'older snapshots have its files');
    const { fileId, tier, path } = file!;
    await assert.rejects(catalog.move({ fileId, tier, from: path, to: 's3://x/y' }), isConflict);

    place.clock.advance(1000);
    await catalog.expireSnapshots(place.clock.now());
    const garbage = (await catalog.garbage()).map((one) => one.path);
    assert.deepEqual(garbage, [path]);
    assert.deepEqual(await catalog.files('other', 'logs'), [kept]);
    assert.deepEqual(await catalog.tables(), [other]);
    await catalog.close();
  });

  test('the name of a dropped tenant is free, also in another case', async () => {
    const place = await make();
    const catalog = await place.open();
    await catalog.commit(commitOf(place, await catalog.openTable('acme', 'logs'), 1, { withColumn: true }));
    await catalog.dropTenant('acme');
    const renamed = await catalog.openTable('Acme', 'logs');
    const [file] = await catalog.commit(commitOf(place, renamed, 2));
    assert.deepEqual(await catalog.files('Acme', 'logs'), [file]);
    await catalog.dropTenant('Acme');
    const again = await catalog.openTable('acme', 'logs');
    assert.deepEqual(again.attributeColumns, []);
    const [third] = await catalog.commit(commitOf(place, again, 3, { withColumn: true }));
    place.clock.advance(1000);
    await catalog.expireSnapshots(place.clock.now());
    assert.deepEqual(await catalog.files('acme', 'logs'), [third]);
    assert.equal((await catalog.garbage()).length, 2);
    await catalog.close();
  });

  test('a batch that was encoded for a dropped table is refused, also by the next table of that name', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    await catalog.commit(commitOf(place, table, 1, { withColumn: true }));
    const late = rewriteOf(table, [], [fileOf(place, table, 'x', { attributeColumnIds: [table.nextFieldId] })]);
    await catalog.dropTenant('acme');
    await assert.rejects(catalog.commit(late), isConflict);
    const again = await catalog.openTable('acme', 'logs');
    await catalog.commit(commitOf(place, again, 2, { withColumn: true }));
    await assert.rejects(catalog.commit(late), isConflict);
    assert.equal((await catalog.files('acme', 'logs')).length, 1);
    await catalog.close();
  });
}

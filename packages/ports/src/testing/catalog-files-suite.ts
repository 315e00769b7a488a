import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indexPath } from '../file-index.ts';
import { type CatalogPlace, commitOf, fileOf, rewriteOf } from './catalog-commits.ts';
import { isConflict } from './catalog-errors.ts';

/** What becomes of a file: replaced, moved, or in the way of another. */
export function testFileChanges(make: () => Promise<CatalogPlace>): void {
  test('a file keeps its tier, generation and empty columns, and its place outside the data path', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'traces');
    const parts = { tier: 'cold', generation: 3, emptyColumns: ['links', 'trace_state'] } as const;
    const paths = ['s3://bucket/acme/a%20b.parquet', '/elsewhere/x.parquet', `${place.dataPath}/acme/loose.parquet`];
    const files = paths.map((path) => fileOf(place, table, 'x', { ...parts, path }));
    const committed = await catalog.commit(rewriteOf(table, [], files));
    await catalog.close();
    const again = await place.open();
    assert.deepEqual(await again.files('acme', 'traces'), committed);
    assert.deepEqual(
      committed.map(({ fileId, ...file }) => file),
      files.map(({ footerBytes, columnStats, ...file }) => file),
    );
    await again.close();
  });

  test('files are replaced in one step, and only while all of them are live', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    for (const batchId of [1, 2, 3]) await catalog.commit(commitOf(place, table, batchId));
    const [first, second, third] = await catalog.files('acme', 'logs');
    const merged = fileOf(place, table, 'stable-1', { rows: 20, generation: 1 });
    const [stable] = await catalog.commit(rewriteOf(table, [first!.fileId, second!.fileId], [merged]));
    assert.deepEqual(await catalog.files('acme', 'logs'), [third, stable]);

    const other = fileOf(place, table, 'stable-2', { generation: 1 });
    await assert.rejects(catalog.commit(rewriteOf(table, [third!.fileId, second!.fileId], [other])), isConflict);
    assert.deepEqual(await catalog.files('acme', 'logs'), [third, stable], 'a conflict changes nothing');
    await catalog.commit(rewriteOf(table, [third!.fileId], []));
    assert.deepEqual(await catalog.files('acme', 'logs'), [stable], 'rows may go without others in their place');
    await catalog.close();
  });

  test('a file of another table is not replaced', async () => {
    const place = await make();
    const catalog = await place.open();
    const logs = await catalog.openTable('acme', 'logs');
    const traces = await catalog.openTable('acme', 'traces');
    const [file] = await catalog.commit(commitOf(place, logs, 1));
    await assert.rejects(catalog.commit(rewriteOf(traces, [file!.fileId], [])), isConflict);
    assert.deepEqual(await catalog.files('acme', 'logs'), [file]);
    await catalog.close();
  });

  test('a path is in the catalog once', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    const file = fileOf(place, table, 'x');
    await assert.rejects(catalog.commit(rewriteOf(table, [], [file, file])), isConflict);
    const [committed] = await catalog.commit(rewriteOf(table, [], [file]));
    await assert.rejects(catalog.commit(rewriteOf(table, [], [file])), isConflict);
    // Also while it is in an older snapshot alone.
    await catalog.commit(rewriteOf(table, [committed!.fileId], []));
    await assert.rejects(catalog.commit(rewriteOf(table, [], [file])), isConflict);
    await catalog.close();
  });

  test('a file is moved to where the caller says, once', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    const [file] = await catalog.commit(commitOf(place, table, 1));
    const [other] = await catalog.commit(commitOf(place, table, 2));
    const { fileId, path: from } = file!;
    const move = { fileId, from, to: 's3://cold/acme/1.parquet', tier: 'cold' } as const;
    const moved = await catalog.move(move);
    assert.deepEqual(moved, { ...file, path: move.to, tier: 'cold' });
    assert.deepEqual(await catalog.files('acme', 'logs'), [moved, other]);
    assert.deepEqual(await catalog.move(move), moved, 'a retry finds it done');
    await assert.rejects(catalog.move({ ...move, to: 's3://cold/acme/2.parquet' }), isConflict);
    await assert.rejects(catalog.move({ ...move, from: move.to, to: other!.path }), isConflict);

    const archived = await catalog.move({ ...move, from: move.to, tier: 'archive' });
    assert.deepEqual(archived, { ...moved, tier: 'archive' }, 'the tier may change alone');
    const back = await catalog.move({ ...move, from: move.to, to: from, tier: 'hot' });
    assert.deepEqual(back, file);
    await catalog.commit(rewriteOf(table, [fileId], []));
    await assert.rejects(catalog.move(move), isConflict);
    await catalog.close();
  });

  test('a file has one index, which is where the file is', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    const [file] = await catalog.commit(commitOf(place, table, 1));
    const { fileId, path } = file!;
    const first = { name: '0000000a', sizeBytes: 50, endBytes: 20, version: 1, columns: ['body', 'attributes.a "b"'] };
    const second = { ...first, name: '0000000b', columns: [] };
    const [firstPath, secondPath] = [indexPath(path, first), indexPath(path, second)];
    await catalog.announce([firstPath, secondPath]);
    const garbage = async () => (await catalog.garbage()).map((one) => one.path).sort();

    const change = { fileId, filePath: path, index: first };
    assert.deepEqual(await catalog.setIndex(change), { ...file, index: first });
    assert.deepEqual(await catalog.setIndex(change), { ...file, index: first }, 'a retry finds it done');
    assert.deepEqual(await catalog.files('acme', 'logs'), [{ ...file, index: first }]);
    assert.deepEqual(await garbage(), [secondPath]);
    await catalog.announce([firstPath]);
    assert.deepEqual(await garbage(), [secondPath], 'what a file has never becomes garbage by being announced');
    assert.equal(await catalog.adopt([firstPath]), 0);
    await catalog.setIndex({ ...change, index: second });
    assert.deepEqual(await garbage(), [firstPath]);
    await assert.rejects(catalog.setIndex({ ...change, filePath: '/elsewhere.parquet' }), isConflict);

    const to = 's3://cold/acme/1.parquet';
    const move = { fileId, from: path, to, tier: 'cold' } as const;
    await catalog.announce([to, indexPath(to, second)]);
    await assert.rejects(catalog.move(move), isConflict, 'it has an index by now');
    await assert.rejects(catalog.move({ ...move, index: first.name }), isConflict, 'it has another one by now');
    const moved = await catalog.move({ ...move, index: second.name });
    assert.deepEqual(moved, { ...file, path: to, tier: 'cold', index: second });
    assert.deepEqual(await garbage(), [path, firstPath, secondPath].sort());
    await catalog.close();

    const again = await place.open();
    assert.deepEqual(await again.files('acme', 'logs'), [moved]);
    await again.commit(rewriteOf(table, [fileId], []));
    await assert.rejects(again.setIndex({ fileId, filePath: to, index: undefined }), isConflict, 'it is not live');
    assert.deepEqual((await again.retiredPaths()).toSorted(), [to, indexPath(to, second)].sort());
    await again.forgetGarbage([path, firstPath, secondPath]);
    await again.expireSnapshots(Number.MAX_SAFE_INTEGER);
    assert.deepEqual((await again.garbage()).map((one) => one.path).sort(), [to, indexPath(to, second)].sort());
    await again.close();
  });

  test('a file can lose its index', async () => {
    const place = await make();
    const catalog = await place.open();
    const [file] = await catalog.commit(commitOf(place, await catalog.openTable('acme', 'logs'), 1));
    const { fileId, path: filePath } = file!;
    const index = { name: '0000000a', sizeBytes: 50, endBytes: 20, version: 1, columns: ['body'] };
    await catalog.setIndex({ fileId, filePath, index });
    assert.deepEqual(await catalog.setIndex({ fileId, filePath, index: undefined }), file);
    assert.deepEqual(await catalog.files('acme', 'logs'), [file]);
    const [lost] = await catalog.garbage();
    assert.equal(lost?.path, indexPath(filePath, index));
    await catalog.close();
  });

  test('columns that were planned for an older state of the table are refused', async () => {
    const place = await make();
    const catalog = await place.open();
    const table = await catalog.openTable('acme', 'logs');
    await catalog.commit(commitOf(place, table, 1, { withColumn: true }));
    const known = await catalog.openTable('acme', 'logs');
    const late = commitOf(place, table, 2, { withColumn: true });
    await assert.rejects(catalog.commit(late), isConflict, 'the id of the new column is taken');
    const twice = commitOf(place, known, 2, { withColumn: true });
    await assert.rejects(catalog.commit(twice), isConflict, 'the key has a column');
    const unknown = fileOf(place, table, 'x', { attributeColumnIds: [known.nextFieldId] });
    await assert.rejects(catalog.commit(rewriteOf(table, [], [unknown])), isConflict);
    assert.equal((await catalog.files('acme', 'logs')).length, 1);
    await catalog.close();
  });
}

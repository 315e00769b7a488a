import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Catalog } from '../catalog.ts';
import { type CatalogPlace, commitOf, fileOf, rewriteOf } from './catalog-commits.ts';
import { isConflict, isFenced } from './catalog-errors.ts';

/** A place for a catalog of several nodes. */
export interface SharedCatalogPlace extends CatalogPlace {
  openAs(nodeId: string): Promise<Catalog>;
}

type NodesTest = (open: (nodeId: string) => Promise<Catalog>, place: SharedCatalogPlace) => Promise<void>;

/** Proves what {@link Catalog} guarantees while several nodes write. */
export function testSharedCatalog(name: string, make: () => Promise<SharedCatalogPlace>): void {
  describe(`${name} is a catalog of several nodes`, () => testEachNode(make));
}

function testEachNode(make: () => Promise<SharedCatalogPlace>): void {
  const testNodes = (name: string, body: NodesTest) =>
    test(name, async () => {
      const place = await make();
      const opened: Catalog[] = [];
      const open = async (nodeId: string) => {
        const catalog = await place.openAs(nodeId);
        opened.push(catalog);
        return catalog;
      };
      await body(open, place);
      for (const catalog of opened) await catalog.close();
    });

  testNodes('a node that was opened again elsewhere can change nothing any more', async (open, place) => {
    const first = await open('a');
    const table = await first.openTable('acme', 'logs');
    const [file] = await first.commit(commitOf(place, table, 1));
    const other = await open('b');
    const second = await open('a');
    const { fileId, path: from } = file!;
    const changes: (() => Promise<unknown>)[] = [
      () => first.commit(commitOf(place, table, 2)),
      () => first.move({ fileId, from, to: '/elsewhere', tier: 'hot' }),
      () => first.openTable('acme', 'metrics'),
      () => first.dropTenant('acme'),
      () => first.expireSnapshots(place.clock.now() + 1),
      () => first.announce(['/garbage']),
      () => first.adopt(['s3://cold/stray']),
      () => first.garbage(),
      () => first.forgetGarbage(['/garbage']),
      () => first.forgetRanges([1]),
      () => first.checkOwner(),
    ];
    for (const change of changes) {
      await assert.rejects(change, isFenced, String(change));
    }
    await second.checkOwner();
    assert.deepEqual(await second.files('acme', 'logs'), [file]);
    assert.deepEqual(await second.committedRanges(), [{ batchId: 1, throughLsn: 10 }]);
    assert.equal((await second.commit(commitOf(place, table, 2))).length, 1);
    assert.equal((await other.commit(commitOf(place, table, 3))).length, 1, 'other names are not concerned');
  });

  testNodes("batches are a node's own, sources are shared", async (open, place) => {
    const [a, b] = [await open('a'), await open('b')];
    const table = await a.openTable('acme', 'logs');
    const ofA = commitOf(place, table, 7);
    const ofB = {
      ...commitOf(place, table, 7),
      files: [fileOf(place, table, 'of-b')],
      sources: [{ source: 'kafka/a/0', next: 50 }],
    };
    assert.equal((await a.commit(ofA)).length, 1);
    assert.equal(await b.nextBatchId(), 1);
    assert.deepEqual(await b.committedRanges(), []);
    assert.equal((await b.commit(ofB)).length, 1);
    assert.deepEqual(await b.commit(ofB), []);
    assert.equal((await a.files('acme', 'logs')).length, 2);
    assert.deepEqual(await a.sourcePositions(), [{ source: 'kafka/a/0', next: 700 }]);
    await b.forgetRanges([7]);
    assert.deepEqual(await a.committedRanges(), ofA.ranges);
  });

  testNodes('of two that replace the same files exactly one wins', async (open, place) => {
    const nodes = [await open('a'), await open('b'), await open('c')];
    const table = await nodes[0]!.openTable('acme', 'logs');
    for (let round = 0; round < 10; round++) {
      const parts = [0, 1].map((i) => fileOf(place, table, `part-${round}-${i}`));
      const replaces = (await nodes[0]!.commit(rewriteOf(table, [], parts))).map(({ fileId }) => fileId);
      const results = await Promise.allSettled(
        nodes.map((node, i) => node.commit(rewriteOf(table, replaces, [fileOf(place, table, `stable-${round}-${i}`)]))),
      );
      const failed = results.filter((result) => result.status === 'rejected');
      assert.equal(failed.length, 2);
      assert.ok(failed.every(({ reason }) => isConflict(reason)));
      assert.equal((await nodes[1]!.files('acme', 'logs')).length, round + 1);
    }
  });

  testNodes('commits at the same time all take effect, each with ids of its own', async (open, place) => {
    const nodes = [await open('a'), await open('b'), await open('c')];
    const table = await nodes[0]!.openTable('acme', 'logs');
    const commits = nodes.flatMap((node, i) =>
      Array.from({ length: 20 }, (_, batchId) =>
        node.commit({ ...commitOf(place, table, batchId), files: [fileOf(place, table, `${i}-${batchId}`)] }),
      ),
    );
    const committed = (await Promise.all(commits)).flat();
    assert.equal(new Set(committed.map(({ fileId }) => fileId)).size, 60);
    const files = await nodes[2]!.files('acme', 'logs');
    assert.deepEqual(
      files,
      committed.sort((a, b) => a.fileId - b.fileId),
    );
  });

  testNodes('a column of one node is known to the next commit of another', async (open, place) => {
    const [a, b] = [await open('a'), await open('b')];
    const table = await a.openTable('acme', 'logs');
    assert.deepEqual(await b.openTable('acme', 'logs'), table);
    const ofA = commitOf(place, table, 1, { withColumn: true });
    await a.commit(ofA);
    const late = { ...commitOf(place, table, 2, { withColumn: true }), files: [fileOf(place, table, 'of-b')] };
    await assert.rejects(b.commit(late), isConflict);
    const known = await b.openTable('acme', 'logs');
    assert.deepEqual(known.attributeColumns, ofA.newColumns);
    const attributeColumnIds = known.attributeColumns.map(({ fieldId }) => fieldId);
    await b.commit({ ...late, newColumns: [], files: [fileOf(place, known, 'of-b', { attributeColumnIds })] });
    await b.dropTenant('acme');
    await assert.rejects(a.commit(commitOf(place, known, 3)), isConflict);
    assert.deepEqual(await a.tables(), []);
  });

  testNodes('garbage is of the node that wrote the file, whoever replaces or moves it', async (open, place) => {
    const [a, b] = [await open('a'), await open('b')];
    const table = await a.openTable('acme', 'logs');
    const files = await a.commit(rewriteOf(table, [], [fileOf(place, table, 'x'), fileOf(place, table, 'y')]));
    const [x, y] = files as [(typeof files)[0], (typeof files)[0]];
    await b.move({ fileId: x.fileId, from: x.path, to: 's3://cold/x', tier: 'cold' });
    await b.commit(rewriteOf(table, [x.fileId, y.fileId], [fileOf(place, table, 'of-b')]));
    await b.announce(['s3://cold/of-b']);
    place.clock.advance(1000);
    await b.expireSnapshots(place.clock.now());
    const pathsOf = async (node: Catalog) => (await node.garbage()).map(({ path }) => path).sort();
    assert.deepEqual(await pathsOf(b), ['s3://cold/of-b']);
    assert.deepEqual(await pathsOf(a), [x.path, y.path, 's3://cold/x'].sort());
    assert.equal(await a.adopt(['s3://cold/of-b']), 0, 'it may be an upload of the other node');
    await b.forgetGarbage([x.path]);
    assert.equal((await a.garbage()).length, 3);
    await a.forgetGarbage([x.path]);
    assert.equal((await a.garbage()).length, 2);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileSystem } from '@openwit/ports';
import { MemoryFileSystem } from '@openwit/ports/testing';
import { sweepOrphans } from './orphan-sweep.ts';

const OWN = '/data/acme/logs/2026/11/24/cafe0001';
const FOREIGN = '/data/acme/logs/2026/11/24/cafe0002';

test('leftovers of this node are removed: not what is committed, not what is another node’s, and no folder', async () => {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeFolder(`${OWN}/folder.parquet/inner`);
  await fileSystem.makeFolder(FOREIGN);
  const kept = [`${OWN}/committed.parquet`, `${OWN}/notes.txt`, `${FOREIGN}/other.parquet`];
  const leftovers = [`${OWN}/a.parquet`, `${OWN}/b.parquet.tmp`, `${OWN}/folder.parquet/c.parquet`];
  for (const path of [...kept, ...leftovers]) await (await fileSystem.open(path, 'create')).close();
  assert.equal(await sweepOrphans(fileSystem, '/data', 'cafe0001', new Set(kept.slice(0, 1))), leftovers.length);
  assert.deepEqual((await filesBelow(fileSystem, '/data')).toSorted(), kept.toSorted());
});

async function filesBelow(fileSystem: FileSystem, folder: string): Promise<string[]> {
  const entries = await fileSystem.list(folder);
  const found = entries.map(async ({ name, isFolder }) =>
    isFolder ? filesBelow(fileSystem, `${folder}/${name}`) : [`${folder}/${name}`],
  );
  return (await Promise.all(found)).flat();
}

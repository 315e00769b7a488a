import assert from 'node:assert/strict';
import { join } from 'node:path';
import { placesOf, systemClock } from '@openwit/ports';
import { SqliteCatalog } from '@openwit/storage';
import { filesIn } from './folder-search.ts';

/** Of a node that has come to rest and ended: every file and index, here and in `cold/`, is in its catalog, and every row has its own. */
export async function assertNothingIsLeftOver(dataDir: string): Promise<void> {
  const dataPath = join(dataDir, 'parquet');
  const catalog = await SqliteCatalog.open({ clock: systemClock }, { path: join(dataDir, 'catalog.sqlite'), dataPath });
  const live: string[] = [];
  for (const { tenant, table } of await catalog.tables()) {
    live.push(...(await catalog.files(tenant, table)).flatMap(placesOf).map(localPath));
  }
  const waiting = [...(await catalog.retiredPaths()), ...(await catalog.garbage()).map(({ path }) => path)];
  await catalog.close();
  const found = [...filesIn(dataPath), ...filesIn(join(dataDir, 'cold'))];
  const known = new Set([...live, ...waiting.map(localPath)]);
  assert.deepEqual(
    found.filter((path) => !known.has(path)),
    [],
    'files without a row',
  );
  assert.deepEqual(
    live.filter((path) => !found.includes(path)),
    [],
    'rows without a file',
  );
}

function localPath(path: string): string {
  return path.replace(/^file:\/\//, '');
}

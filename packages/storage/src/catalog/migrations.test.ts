import assert from 'node:assert/strict';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { DrivenClock } from '@openwit/ports/testing';
import { SqliteCatalog } from './sqlite-catalog.ts';

/** A catalog as version 1 wrote it: the logs of one tenant, two batches, one attribute column. */
const VERSION_1 = new URL('../testing/catalog-1.sql', import.meta.url);

test('a catalog of version 1 opens with all that it holds, and goes on', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'openwit-catalog-')), 'catalog.sqlite');
  const before = new DatabaseSync(path);
  before.exec(await readFile(VERSION_1, 'utf8'));
  before.close();

  const catalog = await SqliteCatalog.open({ clock: new DrivenClock() }, { path, dataPath: '/data/parquet' });
  assert.equal(catalog.nodeId, '4b884bfa');
  const made = { tier: 'hot', generation: 0, emptyColumns: [], rows: 10, sizeBytes: 1000 } as const;
  const times = { minTimestampNs: 1_800_000_000_000_000_001n, maxTimestampNs: 1_800_000_000_999_999_999n };
  const folder = '/data/parquet/acme/logs/2027/01/15/4b884bfa';
  const files = [5, 6].map((batchId, fileId) => {
    return { fileId, path: `${folder}/active-${batchId}.parquet`, ...made, ...times, attributeColumnIds: [35] };
  });
  assert.deepEqual(await catalog.files('acme', 'logs'), files);
  assert.deepEqual(
    await catalog.committedRanges(),
    [5, 6].map((batchId) => ({ batchId, throughLsn: 10 * batchId })),
  );
  assert.deepEqual(await catalog.sourcePositions(), [{ source: 'kafka/a/0', next: 600 }]);
  assert.equal(await catalog.nextBatchId(), 7);
  assert.deepEqual(await catalog.garbage(), []);

  const commit = { tenant: 'acme', table: 'logs', files: [], newColumns: [], ranges: [], sources: [] } as const;
  await catalog.commit({ ...commit, replaces: [0] });
  await catalog.expireSnapshots(Number.MAX_SAFE_INTEGER);
  assert.deepEqual(
    (await catalog.garbage()).map((garbage) => garbage.path),
    [files[0]!.path],
  );
  assert.deepEqual(await catalog.files('acme', 'logs'), [files[1]]);
  await catalog.close();
});

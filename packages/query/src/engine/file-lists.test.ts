import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataFile } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { KnownFileLists, SentFileLists } from './file-lists.ts';
import type { QueryRequest } from './protocol.ts';

const random = new SeededRandom(4);
let nextId = 1;

test('the worker has the files of every query, whatever came and went between them', () => {
  const sent = new SentFileLists();
  const known = new KnownFileLists();
  const tables = new Map<string, readonly DataFile[]>();
  for (let query = 0; query < 3000; query++) {
    // More than both sides remember; some are asked again and again.
    const tenant = `t${random.below(random.pick([5, 150]))}`;
    const files = changed(tables.get(tenant) ?? []);
    tables.set(tenant, files);
    const changes = structuredClone(sent.changesOf(requestOf(tenant, files)));
    assert.deepEqual(
      changes.map(([table, change]) => [table, known.apply(change)]),
      [['logs', files]],
    );
  }
});

test('a file crosses once, not with every query', () => {
  const sent = new SentFileLists();
  const files = Array.from({ length: 1000 }, fileOf);
  const change = (list: readonly DataFile[]) => sent.changesOf(requestOf('default', list))[0]![1];
  assert.equal(change(files).added.length, 1000);
  assert.deepEqual(change(files), { list: 'default/logs', removed: [], added: [] });
  const [merged, left] = [fileOf(), files.filter((_, i) => i !== 3 && i !== 500)];
  assert.deepEqual(change([...left, merged]), { list: 'default/logs', removed: [3, 500], added: [merged] });
});

/** As a flush, a merge, a move, or nothing at all leaves them. */
function changed(files: readonly DataFile[]): readonly DataFile[] {
  switch (random.below(4)) {
    case 0:
      return [...files, fileOf()];
    case 1:
      return [...files.filter(() => random.below(3) > 0), fileOf()];
    case 2:
      return files.map((file) => (random.below(4) === 0 ? { ...file, path: `moved-${file.path}` } : file));
    default:
      return files;
  }
}

function fileOf(): DataFile {
  const fileId = nextId++;
  return {
    fileId,
    path: `${fileId}.parquet`,
    tier: 'hot',
    generation: 0,
    rows: 1,
    sizeBytes: 1,
    minTimestampNs: 0n,
    maxTimestampNs: 0n,
    attributeColumnIds: [],
    emptyColumns: [],
  };
}

function requestOf(tenant: string, files: readonly DataFile[]): QueryRequest {
  const tables = { logs: { batches: [], files, attributeColumns: [] } };
  return { id: 1, tenant, sql: '', parameters: {}, tables, nowMs: 0, maxRows: 1, maxResultBytes: 1 };
}

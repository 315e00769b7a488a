import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { DataFile } from '@openwit/ports';
import { TableSync } from './table-sync.ts';
import { TenantTables } from './tenant-tables.ts';

const file = (fileId: number, parts: Partial<DataFile> = {}) =>
  ({ fileId, generation: 1, tier: 'hot', path: `/data/${fileId}.parquet`, ...parts }) as DataFile;

/** A table in doubt, and a catalog whose first answer about it is held back. */
function placeOf(current: readonly DataFile[], answers: readonly (readonly DataFile[])[]) {
  const tables = new TenantTables();
  const versions = tables.table('acme', 'logs');
  versions.change({ files: current });
  const answered = Promise.withResolvers<void>();
  let asked = 0;
  const catalog = {
    checkOwner: async () => {},
    files: async () => {
      const answer = answers[asked++]!;
      if (asked === 1) await answered.promise;
      return answer;
    },
  };
  const sync = new TableSync({ catalog, tables, onSynced: () => {} });
  sync.doubt('acme', 'logs');
  return { versions, sync, answer: answered.resolve };
}

test('a file that moves while the catalog is asked is not shown where it was', async () => {
  const moved = file(1, { tier: 'cold', path: 'memory://cold/1.parquet' });
  const { versions, sync, answer } = placeOf([file(1)], [[file(1)], [moved]]);
  const running = sync.run();
  await turn();
  versions.change({ files: [moved] });
  answer();
  await running;
  assert.deepEqual(versions.current.files, [moved]);
});

test('a new active file is not shown beside its batch', async () => {
  const active = file(2, { generation: 0 });
  const { versions, sync, answer } = placeOf([file(1)], [[file(3), active]]);
  answer();
  await sync.run();
  assert.deepEqual(versions.current.files, [file(3)]);
});

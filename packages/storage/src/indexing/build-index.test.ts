import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FileIndexer, IndexedColumn, IndexedRows, TextColumn } from '@openwit/ports';
import { randomRows, SeededRandom } from '@openwit/ports/testing';
import type { MergedFile } from '../compaction/merge-request.ts';
import { unfinishedName } from '../file-paths.ts';
import { ALL_TIME, Place, pattern } from '../testing/merge-place.ts';
import { buildIndex } from './build-index.ts';

/** Keeps what it gets, as texts. */
class Gathered implements FileIndexer {
  columns: readonly IndexedColumn[] = [];
  readonly texts: (string | null)[][] = [];
  isDiscarded = false;

  start(path: string, columns: readonly IndexedColumn[]) {
    this.columns = columns;
    writeFileSync(path, 'index');
    return {
      add: async (rows: number, parts: readonly IndexedRows[]) => {
        for (const [i, part] of parts.entries()) (this.texts[i] ??= []).push(...textsOf(part, rows));
      },
      finish: async () => ({ sizeBytes: 5, endBytes: 5, columns: columns.map(({ name }) => name) }),
      discard: () => {
        this.isDiscarded = true;
      },
    };
  }
}

function textsOf(part: IndexedRows, rows: number): (string | null)[] {
  if (!('codes' in part)) return Array.from({ length: rows }, (_, i) => textAt(part, i));
  return Array.from(part.codes, (code) => (code < 0 ? null : textAt(part.values, code)));
}

function textAt({ data, offsets, validity }: TextColumn, i: number): string | null {
  if (validity !== undefined && (validity[i >> 3]! & (1 << (i & 7))) === 0) return null;
  return Buffer.from(data.subarray(offsets[i], offsets[i + 1])).toString();
}

async function check(place: Place, merged: MergedFile): Promise<number> {
  const described = await place.query(
    `SELECT column_name AS name, column_type AS type FROM (DESCRIBE SELECT * FROM ${pattern(merged.path)})`,
  );
  const names = described
    .filter(({ type }) => ['VARCHAR', 'BIGINT', 'INTEGER', 'BOOLEAN'].includes(String(type)))
    .map(({ name }) => String(name));
  const events = place.table === 'traces' ? ['events.name'] : [];
  const indexer = new Gathered();
  const columns = [...names, ...events, 'nowhere'].map((name) => ({ name, use: 'value' as const }));
  const path = join(place.folder, 'x.index');
  const built = await buildIndex({ file: merged, columns, path }, indexer, () => false);
  assert.deepEqual(built, { sizeBytes: 5, endBytes: 5, columns: [...names, ...events] });
  assert.ok(existsSync(unfinishedName(path)));
  const texts = names.map(
    (name) => `CAST("${name.replaceAll('"', '""')}" AS VARCHAR) AS "${name.replaceAll('"', '""')}"`,
  );
  if (events.length > 0) texts.push(`list_transform(events, lambda e: e.name || chr(31)).array_to_string('') AS names`);
  const wanted = await place.queryRows(`SELECT ${texts.join(', ')} FROM ${pattern(merged.path)}`);
  for (const [i, own] of indexer.texts.entries()) {
    assert.deepEqual(
      own,
      wanted.map((row) => row[i]),
      indexer.columns[i]!.name,
    );
  }
  return merged.rows;
}

for (const table of ['traces', 'logs', 'metrics'] as const) {
  test(`what is indexed of ${table} is what their columns say as text`, async () => {
    const random = new SeededRandom(11);
    const place = new Place(table);
    for (let i = 0; i < 3; i++) place.add(randomRows(table, random, 400));
    for (const merged of await place.merge([ALL_TIME], { maxPieceRows: 300 })) {
      assert.equal(await check(place, merged), 1200);
    }
    const byLeaves = new Place(table);
    for (let i = 0; i < 2; i++) byLeaves.add(randomRows(table, new SeededRandom(4), 700));
    assert.equal(await check(byLeaves, await byLeaves.mergedByLeaves({ maxPieceRows: 500 })), 1400);
  });
}

test('an index that is given up or cannot be built leaves nothing', async () => {
  const place = new Place('logs');
  place.add(randomRows('logs', new SeededRandom(1), 300));
  const [merged] = (await place.merge([ALL_TIME])) as [MergedFile];
  const path = join(place.folder, 'x.index');
  const columns = [{ name: 'body', use: 'text' }] as const;
  const refused = async (
    file: Pick<MergedFile, 'path' | 'rows'>,
    indexer: Gathered,
    wanted: object,
    isStopped = false,
  ) => {
    await assert.rejects(
      buildIndex({ file, columns, path }, indexer, () => isStopped),
      wanted,
    );
    assert.ok(!existsSync(unfinishedName(path)));
  };
  const stopped = new Gathered();
  await refused(merged, stopped, { code: 'CLOSED' }, true);
  assert.ok(stopped.isDiscarded);
  await refused({ ...merged, rows: 299 }, new Gathered(), { code: 'STORE_CORRUPTION' });
  await refused({ ...merged, path: `${merged.path}.gone` }, new Gathered(), { code: 'ENOENT' });
});

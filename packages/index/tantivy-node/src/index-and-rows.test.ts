import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Analyser, IndexReader, IndexWriter, type Query, RowMatcher, TantivyError } from './index.ts';
import { columnOf } from './testing/columns.ts';
import { matches, type Row } from './testing/evaluate.ts';
import { query, randomOf, rows } from './testing/generate.ts';
import { needsAddon } from './testing/needs-addon.ts';

const ANALYSERS: Record<string, Analyser> = { log: 'log', cjk: 'cjk', raw: 'raw' };
const FIELDS = Object.entries(ANALYSERS).map(([name, analyser]) => ({ name, analyser }));
const folder = mkdtempSync(join(tmpdir(), 'openwit-tantivy-'));
after(() => rmSync(folder, { recursive: true }));

for (const seed of [1, 2, 3, 4]) {
  test(`a search finds what the rows have, with and without an index, seed=${seed}`, needsAddon, async () => {
    const random = randomOf(seed);
    const all = rows(random, 400);
    const reader = await indexOf(all, { positions: seed !== 2, segmentRows: seed === 3 ? 90 : 10_000 });
    let found = 0;
    for (let i = 0; i < 750; i++) {
      const asked = query(random, all);
      const wanted = all.flatMap((row, number) => (matches(asked, row, ANALYSERS) ? [number] : []));
      const told = JSON.stringify(asked);
      if (await isWordless(asked)) continue;
      found += wanted.length;
      assert.deepEqual(scan(asked, all), wanted, told);
      const { sure, check } = await reader.search(asked);
      const known = new Set(wanted);
      assert.ok(
        sure.every((row) => known.has(row)),
        `it is sure of a row that does not match: ${told}`,
      );
      const checked = [...check].filter((row) => known.has(row));
      assert.deepEqual(
        [...sure, ...checked].sort((a, b) => a - b),
        wanted,
        told,
      );
      const count = await reader.count(asked);
      if (count !== undefined) assert.equal(count, wanted.length, told);
    }
    assert.ok(found > 1000);
  });
}

function scan(asked: Query, all: readonly Row[]): number[] {
  const matcher = new RowMatcher(asked, FIELDS);
  const columns = FIELDS.map(({ name }) => columnOf(all.map((row) => row[name]!)));
  return [...matcher.match(all.length, columns)].flatMap((byte, row) => (byte === 1 ? [row] : []));
}

async function indexOf(
  all: readonly Row[],
  { positions, segmentRows }: { positions: boolean; segmentRows: number },
): Promise<IndexReader> {
  const path = join(folder, `${positions}-${segmentRows}-${all.length}.index`);
  const fields = FIELDS.map((field) => ({ ...field, positions: positions && field.analyser !== 'raw' }));
  const writer = new IndexWriter(path, { fields, segmentRows });
  for (let at = 0; at < all.length; at += 77) {
    const batch = all.slice(at, at + 77);
    await writer.add(
      batch.length,
      FIELDS.map(({ name }) => columnOf(batch.map((row) => row[name]!))),
    );
  }
  await writer.finish();
  return IndexReader.open(path);
}

/** A term without any word is refused. */
async function isWordless(asked: Query): Promise<boolean> {
  try {
    new RowMatcher(asked, FIELDS);
    return false;
  } catch (error) {
    assert.ok(error instanceof TantivyError && error.code === 'invalid', String(error));
    return true;
  }
}

import type { TableName } from '@openwit/ports';
import { type PlainAttribute, type PlainRow, randomRows, SeededRandom } from '@openwit/ports/testing';
import { COLUMN_MAPS } from '../parquet/stored-layout.ts';

const TEXTS = ['', 'a', 'größe ✓', '日本語', 'y'.repeat(100)];

/** Rows with the same attribute columns however they are dealt into files; what else is in them is random. */
export function alikeRows(table: TableName, seed: number, count: number): PlainRow[] {
  const random = new SeededRandom(seed);
  const known = new Map<unknown, PlainAttribute[]>();
  const alike = (value: unknown) => {
    if (!known.has(value)) known.set(value, alikeAttributes(random));
    return known.get(value)!;
  };
  return randomRows(table, random, count).map((row) => ({
    ...row,
    ...Object.fromEntries(COLUMN_MAPS.map((map) => [map, alike(row[map])])),
  }));
}

/** Deals rows into so many files, by chance. */
export function dealt(rows: readonly PlainRow[], files: number, random: SeededRandom): PlainRow[][] {
  const all = Array.from({ length: files }, (): PlainRow[] => []);
  for (const row of rows) random.pick(all).push(row);
  return all;
}

/** Four that become columns, and two that stay in the map. */
function alikeAttributes(random: SeededRandom): PlainAttribute[] {
  const attributes: PlainAttribute[] = [
    { key: 'text', type: 'string', value: random.pick(TEXTS) },
    { key: 'int', type: 'int', value: random.pick([0n, -(2n ** 63n), 2n ** 63n - 1n, BigInt(random.below(600))]) },
    { key: 'double', type: 'double', value: random.pick([0.5, -1e300, random.next()]) },
    { key: 'bool', type: 'bool', value: random.below(2) === 0 },
    { key: 'array', type: 'array', value: '[1,"two",null]' },
    { key: 'bytes', type: 'bytes', value: Buffer.from(random.bytes(5)).toString('base64') },
  ];
  return attributes.filter(() => random.below(4) > 0);
}

import type { TableName } from '../signal.ts';
import { ATTRIBUTE_TYPES, type ColumnType } from '../tables/column.ts';
import { TABLES } from '../tables/tables.ts';
import type { PlainAttribute, PlainRow, PlainValue } from './batch-of.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Rows with every column, type and attribute type in them; some keys in most rows and some in few. */
export function randomRows(table: TableName, random: SeededRandom, count: number): PlainRow[] {
  const groups = new Map<string, PlainRow[]>();
  for (const { per } of TABLES[table]) {
    if (per !== 'record')
      groups.set(
        per,
        Array.from({ length: 3 }, () => randomRow(table, per, random)),
      );
  }
  return Array.from({ length: count }, () =>
    Object.assign(randomRow(table, 'record', random), ...[...groups.values()].map((rows) => random.pick(rows))),
  );
}

function randomRow(table: TableName, per: string, random: SeededRandom): PlainRow {
  const columns = TABLES[table].filter((column) => column.per === per);
  return Object.fromEntries(columns.map(({ name, type, nullable }) => [name, randomValue(type, nullable, random)]));
}

const TEXTS = ['', 'a', 'GET /api', 'größe ✓', '日本語', 'line\nbreak "quoted" \\', 'x'.repeat(300)];

function randomValue(type: ColumnType, nullable: boolean, random: SeededRandom): PlainValue {
  if (nullable && random.below(3) === 0) return null;
  if (typeof type === 'object') {
    if ('list' in type) return Array.from({ length: random.below(4) }, () => randomValue(type.list, false, random));
    return Object.fromEntries(
      type.struct.map((field) => [field.name, randomValue(field.type, field.nullable, random)]),
    );
  }
  switch (type) {
    case 'timestamp_ns':
      return 1_800_000_000_000_000_000n + BigInt(random.below(2 ** 40));
    case 'int64':
      return random.pick([0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), BigInt(random.below(2 ** 40))]);
    case 'uint64':
      return random.pick([0n, 2n ** 64n - 1n, BigInt(random.below(2 ** 40))]);
    case 'int32':
      return random.pick([0, -(2 ** 31), 2 ** 31 - 1, random.below(1000)]);
    case 'uint32':
      return random.pick([0, 2 ** 32 - 1, random.below(1000)]);
    case 'float64':
      return random.pick([0, -1.5, 1e300, 5e-324, random.next()]);
    case 'bool':
      return random.below(2) === 0;
    case 'text':
      return random.pick(TEXTS);
    case 'attributes':
      return randomAttributes(random);
  }
}

function randomAttributes(random: SeededRandom): PlainAttribute[] {
  const attributes: PlainAttribute[] = [
    { key: 'common.text', type: 'string', value: random.pick(TEXTS) },
    { key: 'common.int', type: 'int', value: BigInt(random.below(600)) },
    { key: 'common.double', type: 'double', value: random.next() * 1000 },
    { key: 'common.bool', type: 'bool', value: random.below(2) === 0 },
    { key: 'common.mixed', ...randomTyped(random) },
  ];
  const present = attributes.filter(() => random.below(5) > 0);
  for (const key of ['rare.a', 'rare.b', 'Common.Text']) {
    if (random.below(20) === 0) present.push({ key, ...randomTyped(random) });
  }
  return present;
}

function randomTyped(random: SeededRandom): Omit<PlainAttribute, 'key'> {
  const type = random.pick(ATTRIBUTE_TYPES);
  switch (type) {
    case 'string':
      return { type, value: random.pick(TEXTS) };
    case 'int':
      return { type, value: random.pick([0n, -(2n ** 63n), 2n ** 63n - 1n, BigInt(random.below(1000))]) };
    case 'double':
      return { type, value: random.pick([0.1, 1, 1e16, 1e-5, -2.5]) };
    case 'bool':
      return { type, value: random.below(2) === 0 };
    case 'bytes':
      return { type, value: Buffer.from(random.bytes(5)).toString('base64') };
    case 'array':
      return { type, value: '[1,"two",null]' };
    case 'map':
      return { type, value: '{"a":{"b":1}}' };
    case 'empty':
      return { type, value: null };
  }
}

import type { RecordBatch } from 'apache-arrow';
import type { TableName } from '../signal.ts';
import { recordBatchOf } from '../tables/arrow.ts';
import { ATTRIBUTE_TYPES, type AttributeType, type ColumnDefinition, type ColumnType } from '../tables/column.ts';
import type { ColumnData, ColumnValues } from '../tables/column-data.ts';
import { TABLES } from '../tables/tables.ts';

/** An attribute as plain data; bytes, arrays and maps by their text. */
export interface PlainAttribute {
  readonly key: string;
  readonly type: AttributeType;
  readonly value: string | bigint | number | boolean | null;
}

/** A value of a row: by type a bigint, number, boolean, string, list, object of fields, or list of attributes. */
export type PlainValue =
  | string
  | bigint
  | number
  | boolean
  | null
  | readonly PlainAttribute[]
  | readonly PlainValue[]
  | { readonly [field: string]: PlainValue };

/** A row by column name. A column that is left out has its type's zero, or NULL when it may be. */
export type PlainRow = Readonly<Record<string, PlainValue>>;

/** Rows as a batch in memory: what a decoder makes of them. Not quick; for tests. */
export function batchOf(table: TableName, rows: readonly PlainRow[]): RecordBatch {
  const definitions = TABLES[table];
  const groups = new Map<string, Group>();
  const columns = definitions.map((definition): ColumnData => {
    const { name, per } = definition;
    if (per === 'record')
      return columnOf(
        definition,
        rows.map((row) => row[name]),
      );
    let group = groups.get(per);
    if (group === undefined)
      groups.set(
        per,
        (group = groupBy(
          rows,
          definitions.filter((other) => other.per === per),
        )),
      );
    const dictionary = columnOf(
      definition,
      group.first.map((row) => row[name]),
    );
    return { length: rows.length, indices: group.indices, dictionary };
  });
  return recordBatchOf(table, rows.length, columns);
}

interface Group {
  readonly indices: Int32Array;
  /** The first row of each group. */
  readonly first: readonly PlainRow[];
}

function groupBy(rows: readonly PlainRow[], definitions: readonly ColumnDefinition[]): Group {
  const indexOf = new Map<string, number>();
  const first: PlainRow[] = [];
  const indices = Int32Array.from(rows, (row) => {
    const values = definitions.map(({ name }) => row[name] ?? null);
    const identity = JSON.stringify(values, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
    const known = indexOf.get(identity);
    if (known !== undefined) return known;
    indexOf.set(identity, first.length);
    return first.push(row) - 1;
  });
  return { indices, first };
}

type Cell = PlainValue | undefined;

function columnOf({ type, nullable }: Pick<ColumnDefinition, 'type' | 'nullable'>, cells: readonly Cell[]): ColumnData {
  const validity = nullable ? { validity: bitsOf(cells.map((cell) => cell !== undefined && cell !== null)) } : {};
  return { ...valuesOf(type, cells), ...validity };
}

function valuesOf(type: ColumnType, cells: readonly Cell[]): ColumnData {
  const length = cells.length;
  if (type === 'text') return textOf(cells.map((cell) => (cell as string) ?? ''));
  if (type === 'attributes') return attributesOf(cells.map((cell) => (cell as readonly PlainAttribute[]) ?? []));
  if (typeof type === 'string') return { length, values: SCALARS[type](cells) };
  if ('list' in type) {
    const lists = cells.map((cell) => (cell as readonly PlainValue[]) ?? []);
    return {
      length,
      offsets: offsetsOf(lists),
      children: [columnOf({ type: type.list, nullable: false }, lists.flat() as Cell[])],
    };
  }
  const fields = cells as readonly Record<string, PlainValue>[];
  return {
    length,
    children: type.struct.map((field) =>
      columnOf(
        field,
        fields.map((cell) => cell[field.name]),
      ),
    ),
  };
}

const SCALARS: Record<
  Exclude<Extract<ColumnType, string>, 'text' | 'attributes'>,
  (cells: readonly Cell[]) => ColumnValues
> = {
  timestamp_ns: (cells) => BigInt64Array.from(cells, (cell) => (cell as bigint) ?? 0n),
  int64: (cells) => BigInt64Array.from(cells, (cell) => (cell as bigint) ?? 0n),
  uint64: (cells) => BigUint64Array.from(cells, (cell) => (cell as bigint) ?? 0n),
  int32: (cells) => Int32Array.from(cells, (cell) => (cell as number) ?? 0),
  uint32: (cells) => Uint32Array.from(cells, (cell) => (cell as number) ?? 0),
  float64: (cells) => Float64Array.from(cells, (cell) => (cell as number) ?? 0),
  bool: (cells) => Uint8Array.from(cells, (cell) => (cell === true ? 1 : 0)),
};

function attributesOf(lists: readonly (readonly PlainAttribute[])[]): ColumnData {
  const entries = lists.flat();
  const keys = [...new Set(entries.map(({ key }) => key))];
  const indexOf = new Map(keys.map((key, i) => [key, i]));
  const length = entries.length;
  const children: ColumnData[] = [
    { length, indices: Int32Array.from(entries, ({ key }) => indexOf.get(key)!), dictionary: textOf(keys) },
    { length, values: Uint8Array.from(entries, ({ type }) => ATTRIBUTE_TYPES.indexOf(type)) },
    { length, values: BigInt64Array.from(entries, ({ value }) => numberBits(value)) },
    textOf(entries.map(({ value }) => (typeof value === 'string' ? value : ''))),
  ];
  return { length: lists.length, offsets: offsetsOf(lists), children };
}

function numberBits(value: PlainAttribute['value']): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return new BigInt64Array(Float64Array.of(value).buffer)[0]!;
  return value === true ? 1n : 0n;
}

function textOf(texts: readonly string[]): ColumnData {
  const bytes = texts.map((text) => Buffer.from(text));
  return { length: texts.length, offsets: offsetsOf(bytes), values: new Uint8Array(Buffer.concat(bytes)) };
}

function offsetsOf(lists: readonly { readonly length: number }[]): Int32Array {
  const offsets = new Int32Array(lists.length + 1);
  lists.forEach((list, i) => void (offsets[i + 1] = offsets[i]! + list.length));
  return offsets;
}

function bitsOf(present: readonly boolean[]): Uint8Array {
  const bits = new Uint8Array((present.length + 7) >> 3);
  present.forEach((bit, i) => void (bits[i >> 3]! |= Number(bit) << (i & 7)));
  return bits;
}

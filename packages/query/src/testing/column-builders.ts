import {
  ATTRIBUTE_TYPES,
  type AttributeType,
  type ColumnData,
  type ColumnDefinition,
  type ColumnType,
  type ColumnValues,
  type MemoryBatch,
  TABLES,
  type TableName,
} from '@openwit/ports';
import { recordBatchOf } from '@openwit/ports/arrow';

/** An attribute value of a test: its JavaScript type is its OTLP type. */
export type TestAttribute =
  | string
  | bigint
  | number
  | boolean
  | Uint8Array
  | null
  | readonly unknown[]
  | { readonly [key: string]: unknown };
export type TestAttributes = Readonly<Record<string, TestAttribute>>;

/** A row by column name; what is left out is null, or the empty value of its type. */
export type TestRow = Readonly<Record<string, unknown>>;

/** Rows as a batch in memory, over shared buffers as the ingest makes them. */
export function memoryBatch(table: TableName, rows: readonly TestRow[], batchId = 1): MemoryBatch {
  const columns = TABLES[table].map((definition) =>
    batchColumn(
      definition,
      rows.map((row) => row[definition.name]),
    ),
  );
  return { batchId, batch: recordBatchOf(table, rows.length, columns) };
}

function batchColumn(definition: ColumnDefinition, values: readonly unknown[]): ColumnData {
  if (definition.per === 'record') return plainColumn(definition.type, definition.nullable, values);
  const distinct = new Map<string, number>();
  const dictionary: unknown[] = [];
  const indices = shared(Int32Array, values.length);
  values.forEach((value, i) => {
    const key = attributesKey(value);
    if (!distinct.has(key)) distinct.set(key, dictionary.push(value) - 1);
    indices[i] = distinct.get(key)!;
  });
  return { length: values.length, indices, dictionary: plainColumn(definition.type, definition.nullable, dictionary) };
}

export function attributesKey(value: unknown): string {
  return JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? `${item}n` : item)) ?? 'undefined';
}

function plainColumn(type: ColumnType, nullable: boolean, values: readonly unknown[]): ColumnData {
  const length = values.length;
  const validity =
    nullable && values.some((value) => value === undefined || value === null) ? { validity: validityOf(values) } : {};
  if (typeof type === 'object') {
    if ('struct' in type) {
      const children = type.struct.map((field) =>
        plainColumn(
          field.type,
          field.nullable,
          values.map((value) => (value as TestRow | undefined)?.[field.name]),
        ),
      );
      return { length, ...validity, children };
    }
    const lists = values.map((value) => (value ?? []) as unknown[]);
    return { length, ...validity, offsets: offsetsOf(lists), children: [plainColumn(type.list, false, lists.flat())] };
  }
  switch (type) {
    case 'text': {
      const texts = values.map((value) => Buffer.from((value ?? '') as string));
      return { length, ...validity, offsets: offsetsOf(texts), values: sharedBytes(Buffer.concat(texts)) };
    }
    case 'attributes':
      return attributesColumn(values.map((value) => Object.entries((value ?? {}) as TestAttributes)));
    default: {
      const array = shared<ColumnValues>(ARRAYS[type] as never, length);
      values.forEach((value, i) => {
        array[i] = (type === 'bool' ? Number(value ?? false) : (value ?? (BIG.has(type) ? 0n : 0))) as never;
      });
      return { length, ...validity, values: array };
    }
  }
}

const ARRAYS = {
  timestamp_ns: BigInt64Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float64: Float64Array,
  bool: Uint8Array,
} as const;
const BIG = new Set<string>(['timestamp_ns', 'int64', 'uint64']);

function attributesColumn(rows: readonly (readonly [string, TestAttribute][])[]): ColumnData {
  const entries = rows.flat();
  const keys = [...new Set(entries.map(([key]) => key))];
  const keyOf = shared(Int32Array, entries.length);
  const types = shared(Uint8Array, entries.length);
  const numbers = shared(BigInt64Array, entries.length);
  const doubles = new Float64Array(numbers.buffer);
  entries.forEach(([key, value], i) => {
    const type = attributeType(value);
    keyOf[i] = keys.indexOf(key);
    types[i] = ATTRIBUTE_TYPES.indexOf(type);
    if (type === 'double') doubles[i] = value as number;
    else if (type === 'int' || type === 'bool') numbers[i] = BigInt(value as bigint);
  });
  const texts = entries.map(([, value]) => ownText(value));
  return {
    length: rows.length,
    offsets: offsetsOf(rows),
    children: [
      { length: entries.length, indices: keyOf, dictionary: plainColumn('text', false, keys) },
      { length: entries.length, values: types },
      { length: entries.length, values: numbers },
      plainColumn('text', false, texts),
    ],
  };
}

export function attributeType(value: TestAttribute): AttributeType {
  if (value === null) return 'empty';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'double';
  if (typeof value === 'boolean') return 'bool';
  if (value instanceof Uint8Array) return 'bytes';
  return Array.isArray(value) ? 'array' : 'map';
}

/** The text that a batch keeps beside numbers and booleans. */
export function ownText(value: TestAttribute): string {
  const type = attributeType(value);
  if (type === 'string') return value as string;
  if (type === 'bytes') return Buffer.from(value as Uint8Array).toString('base64');
  return type === 'array' || type === 'map' ? JSON.stringify(value) : '';
}

function validityOf(values: readonly unknown[]): Uint8Array {
  const bits = shared(Uint8Array, Math.ceil(values.length / 8));
  values.forEach((value, i) => {
    if (value !== undefined && value !== null) bits[i >> 3]! |= 1 << (i & 7);
  });
  return bits;
}

function offsetsOf(items: readonly { readonly length: number }[]): Int32Array {
  const offsets = shared(Int32Array, items.length + 1);
  items.forEach((item, i) => {
    offsets[i + 1] = offsets[i]! + item.length;
  });
  return offsets;
}

function shared<T>(
  array: { new (buffer: SharedArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
  length: number,
): T {
  return new array(new SharedArrayBuffer(length * array.BYTES_PER_ELEMENT));
}

function sharedBytes(bytes: Uint8Array): Uint8Array {
  const copy = shared(Uint8Array, bytes.length);
  copy.set(bytes);
  return copy;
}

import type { ColumnData } from '@openwit/ports';
import {
  Bool,
  type Data,
  type DataType,
  Dictionary,
  Field,
  Float64,
  Int32,
  Int64,
  List,
  Map_,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimestampNanosecond,
  Uint32,
  Uint64,
  Utf8,
  Vector,
} from 'apache-arrow';
import type { StoredColumn } from './stored-layout.ts';

/** A column in the stored layout with its values. */
export interface StoredValues {
  readonly column: StoredColumn;
  /**
   * As {@link ColumnData}, but that a map's children are the text of its keys and the text of its values. Text may have a
   * dictionary, also one that other columns share.
   */
  readonly values: ColumnData;
}

/** Columns in the stored layout as an Arrow record batch over the same buffers, every field with its Parquet field id. */
export function toRecordBatch(
  columns: readonly StoredValues[],
  rows: number,
  fieldIdOf: (path: string) => number,
): RecordBatch {
  const dictionaries = new Map<ColumnData, TextDictionary>();
  const children = columns.map(({ column, values }) => {
    if (values.dictionary === undefined) return toData(toField(column, fieldIdOf).type, values, rows);
    return toIndices(dictionaryOf(values.dictionary, dictionaries), values, rows);
  });
  const fields = columns.map(({ column }, i) => toField(column, fieldIdOf).clone({ type: children[i]!.type }));
  const data = makeData({ type: new Struct(fields), length: rows, nullCount: 0, children });
  return new RecordBatch(new Schema(fields), data);
}

interface TextDictionary {
  readonly type: Dictionary<Utf8, Int32>;
  readonly texts: Vector<Utf8>;
}

/** Columns with the same dictionary share its id: it is written once. */
function dictionaryOf(column: ColumnData, known: Map<ColumnData, TextDictionary>): TextDictionary {
  const existing = known.get(column);
  if (existing !== undefined) return existing;
  const texts = new Vector([toData(new Utf8(), column, column.length)]) as Vector<Utf8>;
  const dictionary = { type: new Dictionary(new Utf8(), new Int32(), known.size), texts };
  known.set(column, dictionary);
  return dictionary;
}

function toIndices({ type, texts }: TextDictionary, column: ColumnData, length: number): Data {
  const data = column.indices!.subarray(0, length);
  return makeData({ type, length, ...validityOf(column, length), data, dictionary: texts });
}

function toField(column: StoredColumn, fieldIdOf: (path: string) => number): Field {
  const children = column.children.map((child) => toField(child, fieldIdOf));
  const metadata = new Map([['PARQUET:field_id', String(fieldIdOf(column.path))]]);
  return new Field(column.name, toType(column, children), column.nullable, metadata);
}

function toType({ type }: StoredColumn, children: Field[]): DataType {
  switch (type) {
    case 'timestamp_ns':
      return new TimestampNanosecond();
    case 'int64':
      return new Int64();
    case 'uint64':
      return new Uint64();
    case 'int32':
      return new Int32();
    case 'uint32':
      return new Uint32();
    case 'float64':
      return new Float64();
    case 'boolean':
      return new Bool();
    case 'varchar':
      return new Utf8();
    case 'list':
      return new List(children[0]!);
    case 'struct':
      return new Struct(children);
    case 'map':
      return new Map_(new Field('entries', new Struct(children), false) as never);
  }
}

function toData(type: DataType, column: ColumnData, length: number): Data {
  const validity = validityOf(column, length);
  if (type instanceof Utf8) {
    const valueOffsets = column.offsets!.subarray(0, length + 1);
    return makeData({ type, length, ...validity, valueOffsets, data: column.values as Uint8Array });
  }
  if (type instanceof List) {
    const valueOffsets = column.offsets!.subarray(0, length + 1);
    const child = toData(type.children[0]!.type, column.children![0]!, valueOffsets[length]!);
    return makeData({ type, length, ...validity, valueOffsets, child });
  }
  if (type instanceof Map_) {
    const valueOffsets = column.offsets!.subarray(0, length + 1);
    const entries = { length: valueOffsets[length]!, children: column.children! };
    const child = toData(type.children[0]!.type, entries, entries.length);
    return makeData({ type, length, ...validity, valueOffsets, child } as never);
  }
  if (type instanceof Struct) {
    const children = type.children.map((field: Field, i: number) => toData(field.type, column.children![i]!, length));
    return makeData({ type, length, ...validity, children });
  }
  if (type instanceof Bool) {
    return makeData({ type, length, ...validity, data: packBits(column.values as Uint8Array, length) });
  }
  return makeData({ type, length, ...validity, data: column.values!.subarray(0, length) } as never);
}

function validityOf({ validity }: ColumnData, length: number): { nullCount: number; nullBitmap?: Uint8Array } {
  return validity === undefined
    ? { nullCount: 0 }
    : { nullBitmap: validity.subarray(0, (length + 7) >> 3), nullCount: -1 };
}

/** A byte of 0 or 1 a value becomes a bit a value, least significant first. */
function packBits(values: Uint8Array, length: number): Uint8Array {
  const bits = new Uint8Array((length + 7) >> 3);
  for (let i = 0; i < length; i++) bits[i >> 3]! |= values[i]! << (i & 7);
  return bits;
}

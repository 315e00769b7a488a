import {
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
  Uint8,
  Uint32,
  Uint64,
  Utf8,
  Vector,
} from 'apache-arrow';
import type { TableName } from '../signal.ts';
import type { ColumnDefinition, ColumnType } from './column.ts';
import type { ColumnData, ColumnValues } from './column-data.ts';
import { TABLES } from './tables.ts';

/** The Arrow schema of a table's batches in memory. Group columns are dictionaries, attributes a map to a tagged value. */
export const BATCH_SCHEMAS: Readonly<Record<TableName, Schema>> = {
  traces: schemaOf(TABLES.traces),
  logs: schemaOf(TABLES.logs),
  metrics: schemaOf(TABLES.metrics),
};

/** The columns as an Arrow record batch over the same buffers. */
export function recordBatchOf(table: TableName, rows: number, columns: readonly ColumnData[]): RecordBatch {
  const schema = BATCH_SCHEMAS[table];
  const children = schema.fields.map((field, i) => toData(field.type, columns[i]!, rows));
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children }));
}

/** The columns of a record batch made by {@link recordBatchOf}, over the same buffers. */
export function columnsOf(batch: RecordBatch): readonly ColumnData[] {
  return batch.data.children.map(fromData);
}

function schemaOf(columns: readonly ColumnDefinition[]): Schema {
  return new Schema(
    columns.map(({ name, type, per, nullable }) => {
      const valueType = arrowType(type);
      return new Field(name, per === 'record' ? valueType : new Dictionary(valueType, new Int32()), nullable);
    }),
  );
}

function arrowType(type: ColumnType): DataType {
  if (typeof type === 'object') {
    if ('list' in type) return new List(new Field('element', arrowType(type.list), false));
    return new Struct(type.struct.map((field) => new Field(field.name, arrowType(field.type), field.nullable)));
  }
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
    case 'bool':
      return new Uint8();
    case 'text':
      return new Utf8();
    case 'attributes':
      return new Map_(
        new Field(
          'entries',
          new Struct<{ key: Dictionary<Utf8, Int32>; value: Struct }>([
            new Field('key', new Dictionary(new Utf8(), new Int32()), false),
            new Field(
              'value',
              new Struct([
                new Field('type', new Uint8(), false),
                new Field('number', new Int64(), false),
                new Field('text', new Utf8(), false),
              ]),
              false,
            ),
          ]),
          false,
        ),
      );
  }
}

function toData(type: DataType, column: ColumnData, length: number): Data {
  const nullBitmap = column.validity?.subarray(0, (length + 7) >> 3);
  const validity = nullBitmap === undefined ? { nullCount: 0 } : { nullBitmap, nullCount: -1 };
  if (type instanceof Dictionary) {
    const values = column.dictionary!;
    const dictionary = new Vector([toData(type.dictionary, values, values.length)]);
    return makeData({ type, length, nullCount: 0, data: column.indices!.subarray(0, length), dictionary });
  }
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
    const entries = valueOffsets[length]!;
    const [key, value] = (type.children[0]!.type as Struct).children as [Field, Field];
    const [keys, ...parts] = column.children!;
    const pair = [toData(key.type, keys!, entries), toData(value.type, { length: entries, children: parts }, entries)];
    const child = makeData({ type: type.children[0]!.type as Struct, length: entries, nullCount: 0, children: pair });
    return makeData({ type, length, ...validity, valueOffsets, child } as never);
  }
  if (type instanceof Struct) {
    const children = type.children.map((field: Field, i: number) => toData(field.type, column.children![i]!, length));
    return makeData({ type, length, ...validity, children });
  }
  return makeData({ type, length, ...validity, data: column.values!.subarray(0, length) } as never);
}

function fromData(data: Data): ColumnData {
  const { type, length } = data;
  const validity = data.nullBitmap !== undefined && data.nullBitmap.length > 0 ? { validity: data.nullBitmap } : {};
  if (type instanceof Dictionary) {
    return { length, indices: data.values as Int32Array, dictionary: fromData(data.dictionary!.data[0]!) };
  }
  if (type instanceof Map_) {
    const [keys, value] = data.children[0]!.children as [Data, Data];
    return {
      length,
      ...validity,
      offsets: data.valueOffsets,
      children: [fromData(keys), ...value.children.map(fromData)],
    };
  }
  if (type instanceof Utf8)
    return { length, ...validity, offsets: data.valueOffsets, values: data.values as Uint8Array };
  if (type instanceof List)
    return { length, ...validity, offsets: data.valueOffsets, children: data.children.map(fromData) };
  if (type instanceof Struct) return { length, ...validity, children: data.children.map(fromData) };
  return { length, ...validity, values: data.values as ColumnValues };
}

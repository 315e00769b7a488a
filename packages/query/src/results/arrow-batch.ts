import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Map_,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimeMicrosecond,
  TimeNanosecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from 'apache-arrow';
import type { ColumnBuffers } from './column-buffers.ts';
import type { ResultType } from './result-type.ts';

/** A column of a result: `type` is DuckDB's SQL text of it, such as `MAP(VARCHAR, VARCHAR)`. */
export interface ResultColumn {
  readonly name: string;
  readonly type: string;
}

/** The Arrow schema of a result; every column is nullable. */
export function arrowSchema(columns: readonly ResultColumn[], types: readonly ResultType[]): Schema {
  return new Schema(columns.map(({ name }, i) => new Field(name, arrowType(types[i]!), true)));
}

/** The record batch over buffers that came from the worker. */
export function arrowBatch(schema: Schema, rows: number, columns: readonly ColumnBuffers[]): RecordBatch {
  const children = schema.fields.map((field, i) => arrowData(field.type, columns[i]!));
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children }));
}

function arrowType(type: ResultType): DataType {
  switch (type.kind) {
    case 'bool':
      return new Bool();
    case 'int8':
      return new Int8();
    case 'int16':
      return new Int16();
    case 'int32':
      return new Int32();
    case 'int64':
      return new Int64();
    case 'uint8':
      return new Uint8();
    case 'uint16':
      return new Uint16();
    case 'uint32':
      return new Uint32();
    case 'uint64':
      return new Uint64();
    case 'int128':
      return new Decimal(0, 38, 128);
    case 'decimal':
      return new Decimal(type.scale, type.precision, 128);
    case 'float32':
      return new Float32();
    case 'float64':
      return new Float64();
    case 'date':
      return new DateDay();
    case 'time_us':
      return new TimeMicrosecond();
    case 'time_ns':
      return new TimeNanosecond();
    case 'timestamp_s':
      return new TimestampSecond();
    case 'timestamp_ms':
      return new TimestampMillisecond();
    case 'timestamp_us':
      return new TimestampMicrosecond();
    case 'timestamp_ns':
      return new TimestampNanosecond();
    case 'timestamp_tz':
      return new TimestampMicrosecond('UTC');
    case 'blob':
      return new Binary();
    case 'list':
      return new List(new Field('element', arrowType(type.element), true));
    case 'fixedList':
      return new FixedSizeList(type.size!, new Field('element', arrowType(type.element), true));
    case 'struct':
      return new Struct(type.names.map((name, i) => new Field(name, arrowType(type.fields[i]!), true)));
    case 'map': {
      const pair = [new Field('key', arrowType(type.key), false), new Field('value', arrowType(type.value), true)];
      return new Map_(new Field('entries', new Struct(pair), false) as never);
    }
    default:
      return new Utf8(); // text, uuid, enum, asText
  }
}

function arrowData(type: DataType, { length, validity, offsets, values, children = [] }: ColumnBuffers): Data {
  const common = {
    type,
    length,
    ...(validity === undefined ? { nullCount: 0 } : { nullBitmap: validity, nullCount: -1 }),
  };
  const childData = type.children?.map((field: Field, i: number) => arrowData(field.type, children[i]!)) ?? [];
  if (type instanceof Struct) return makeData({ ...common, children: childData } as never);
  if (type instanceof FixedSizeList) return makeData({ ...common, child: childData[0] } as never);
  if (type instanceof List || type instanceof Map_) {
    return makeData({ ...common, valueOffsets: offsets, child: childData[0] } as never);
  }
  if (type instanceof Utf8 || type instanceof Binary) {
    return makeData({ ...common, valueOffsets: offsets, data: values } as never);
  }
  return makeData({ ...common, data: typedValues(type, values!) } as never);
}

/** The bytes as the typed array that Arrow wants for the type. */
function typedValues(type: DataType, { buffer }: Uint8Array<ArrayBuffer>): ArrayBufferView {
  const view = type.ArrayType as new (buffer: ArrayBuffer) => ArrayBufferView;
  return new view(buffer);
}

import {
  Binary,
  Bool,
  type Data,
  type DataType,
  Decimal,
  FixedSizeList,
  List,
  Map_,
  type RecordBatch,
  Struct,
  type Time,
  Timestamp,
  TimeUnit,
  Type,
  Utf8,
} from 'apache-arrow';
import { isValid } from '../memory/validity.ts';
import { dateText, timeText } from './calendar.ts';
import { decimalText, int128 } from './decimal-text.ts';

/** Value `i` of a column as a JavaScript value. */
type ValueReader = (i: number) => unknown;

/**
 * The rows of a batch as objects. 64-bit and larger integers are bigint, timestamps bigint nanoseconds since the epoch,
 * dates and times their ISO text, decimals text, blobs Uint8Array, lists arrays, structs and maps plain objects (a map's
 * keys become text).
 */
export function* rowObjects(batch: RecordBatch): Generator<Record<string, unknown>> {
  const readers = batch.schema.fields.map(({ name }, i) => [name, valueReader(batch.data.children[i]!)] as const);
  for (let row = 0; row < batch.numRows; row++) {
    yield Object.fromEntries(readers.map(([name, read]) => [name, read(row)]));
  }
}

function valueReader(data: Data): ValueReader {
  const read = presentReader(data);
  const { nullBitmap } = data;
  if (nullBitmap === undefined || nullBitmap.length === 0) return read;
  return (i) => (isValid(nullBitmap, i) ? read(i) : null);
}

function presentReader(data: Data): ValueReader {
  const type = data.type as DataType;
  const { values, valueOffsets: offsets } = data as { values: Uint8Array; valueOffsets: Int32Array };
  if (type instanceof Utf8) {
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    return (i) => bytes.toString('utf8', offsets[i]!, offsets[i + 1]!);
  }
  if (type instanceof Binary) return (i) => values.slice(offsets[i]!, offsets[i + 1]!);
  if (type instanceof Bool) return (i) => ((values[i >> 3]! >> (i & 7)) & 1) === 1;
  if (type instanceof Decimal) {
    const words = data.values as unknown as Uint32Array;
    return type.scale === 0 && type.precision === 38
      ? (i) => int128(words, i)
      : (i) => decimalText(int128(words, i), type.scale);
  }
  if (type.typeId === Type.Date) return (i) => dateText((data.values as unknown as Int32Array)[i]!);
  if (type.typeId === Type.Time) return timeReader(data, (type as Time).unit);
  if (type instanceof Timestamp) {
    const times = data.values as unknown as BigInt64Array;
    const factor = {
      [TimeUnit.SECOND]: 10n ** 9n,
      [TimeUnit.MILLISECOND]: 10n ** 6n,
      [TimeUnit.MICROSECOND]: 1000n,
      [TimeUnit.NANOSECOND]: 1n,
    };
    return (i) => times[i]! * factor[type.unit];
  }
  if (type instanceof Struct) return structReader(data);
  if (type instanceof Map_) return mapReader(data, offsets);
  if (type instanceof List) return listReader(valueReader(data.children[0]!), (i) => offsets[i]!);
  if (type instanceof FixedSizeList) return listReader(valueReader(data.children[0]!), (i) => i * type.listSize);
  return (i) => values[i];
}

function timeReader(data: Data, unit: TimeUnit): ValueReader {
  const times = data.values as unknown as BigInt64Array;
  const digits = unit === TimeUnit.NANOSECOND ? 9 : 6;
  const perSecond = 10n ** BigInt(digits);
  return (i) => timeText(Number(times[i]! / perSecond), Number(times[i]! % perSecond), digits);
}

function structReader(data: Data): ValueReader {
  const fields = (data.type as Struct).children.map(({ name }, i) => [name, valueReader(data.children[i]!)] as const);
  return (i) => Object.fromEntries(fields.map(([name, read]) => [name, read(i)]));
}

function mapReader(data: Data, offsets: Int32Array): ValueReader {
  const [key, value] = data.children[0]!.children.map(valueReader) as [ValueReader, ValueReader];
  return (i) => {
    const entries: [string, unknown][] = [];
    for (let k = offsets[i]!; k < offsets[i + 1]!; k++) entries.push([String(key(k)), value(k)]);
    return Object.fromEntries(entries);
  };
}

function listReader(element: ValueReader, start: (i: number) => number): ValueReader {
  return (i) => Array.from({ length: start(i + 1) - start(i) }, (_, k) => element(start(i) + k));
}

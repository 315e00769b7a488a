import {
  Binary,
  Bool,
  type Data,
  type DataType,
  Decimal,
  FixedSizeList,
  List,
  Map_,
  Struct,
  Timestamp,
  TimeUnit,
  Type,
  Utf8,
} from 'apache-arrow';
import { isValid } from '../memory/validity.ts';
import { dateText, timestampText, timeText } from '../results/calendar.ts';
import { decimalText, int128 } from '../results/decimal-text.ts';
import { ByteSink } from './byte-sink.ts';

/** Writes value `i` of a column as JSON. */
export type JsonWriter = (i: number) => void;

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
/** A decimal with so many digits comes back from a double as it was. */
const SAFE_DIGITS = 10n ** 15n;
const UNIT_DIGITS = {
  [TimeUnit.SECOND]: 0,
  [TimeUnit.MILLISECOND]: 3,
  [TimeUnit.MICROSECOND]: 6,
  [TimeUnit.NANOSECOND]: 9,
} as const;

/** The writer of an Arrow column, over its buffers. */
export function jsonWriter(data: Data, sink: ByteSink): JsonWriter {
  const write = presentWriter(data, sink);
  const { nullBitmap } = data;
  if (data.typeId === Type.Null) return () => sink.ascii('null');
  if (nullBitmap === undefined || nullBitmap.length === 0) return write;
  return (i) => {
    if (isValid(nullBitmap, i)) write(i);
    else sink.ascii('null');
  };
}

function presentWriter(data: Data, sink: ByteSink): JsonWriter {
  const type = data.type as DataType;
  const { values, valueOffsets: offsets } = data as { values: Uint8Array; valueOffsets: Int32Array };
  const quoted = (text: string) => sink.ascii(`"${text}"`);
  if (type instanceof Utf8) return (i) => sink.jsonString(values, offsets[i]!, offsets[i + 1]!);
  if (type instanceof Binary) {
    return (i) => quoted(Buffer.from(values.subarray(offsets[i]!, offsets[i + 1]!)).toString('base64'));
  }
  if (type instanceof Bool) return (i) => sink.ascii((values[i >> 3]! >> (i & 7)) & 1 ? 'true' : 'false');
  if (type instanceof Decimal) return decimalWriter(data, type.scale, sink);
  if (type.typeId === Type.Date) return (i) => quoted(dateText((data.values as unknown as Int32Array)[i]!));
  if (type.typeId === Type.Time) return timeWriter(data, (type as { unit?: TimeUnit }).unit!, quoted);
  if (type instanceof Timestamp) {
    const times = data.values as unknown as BigInt64Array;
    return (i) => quoted(timestampText(times[i]!, UNIT_DIGITS[type.unit]));
  }
  if (type instanceof Struct) return structWriter(data, sink);
  if (type instanceof Map_) return mapWriter(data, offsets, sink);
  if (type instanceof List) return listWriter(jsonWriter(data.children[0]!, sink), sink, (i) => offsets[i]!);
  if (type instanceof FixedSizeList) {
    return listWriter(jsonWriter(data.children[0]!, sink), sink, (i) => i * type.listSize);
  }
  if (type.typeId === Type.Float) return (i) => writeDouble(sink, values[i]!);
  const integers = values as unknown as Int32Array | BigInt64Array;
  return (i) => writeInteger(sink, integers[i]!);
}

/** A number when a double holds it exactly, else its digits as a string. */
function writeInteger(sink: ByteSink, value: number | bigint): void {
  const exact = typeof value === 'number' || (value <= SAFE && value >= -SAFE);
  sink.ascii(exact ? String(value) : `"${value}"`);
}

/** JSON has no word for what isn't finite: `"NaN"`, `"Infinity"`, `"-Infinity"`. */
function writeDouble(sink: ByteSink, value: number): void {
  if (!Number.isFinite(value)) sink.ascii(`"${value}"`);
  else sink.ascii(Object.is(value, -0) ? '-0' : String(value));
}

function decimalWriter(data: Data, scale: number, sink: ByteSink): JsonWriter {
  const words = data.values as unknown as Uint32Array;
  if (scale === 0) return (i) => writeInteger(sink, int128(words, i));
  return (i) => {
    const unscaled = int128(words, i);
    const text = decimalText(unscaled, scale);
    sink.ascii(unscaled < SAFE_DIGITS && unscaled > -SAFE_DIGITS ? text : `"${text}"`);
  };
}

function timeWriter(data: Data, unit: TimeUnit, quoted: (text: string) => void): JsonWriter {
  const times = data.values as unknown as BigInt64Array;
  const digits = UNIT_DIGITS[unit];
  const perSecond = 10n ** BigInt(digits);
  return (i) => quoted(timeText(Number(times[i]! / perSecond), Number(times[i]! % perSecond), digits));
}

function structWriter(data: Data, sink: ByteSink): JsonWriter {
  const fields = (data.type as Struct).children.map(({ name }, i) => ({
    start: Buffer.from(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    write: jsonWriter(data.children[i]!, sink),
  }));
  return (i) => {
    for (const field of fields) {
      sink.bytes(field.start);
      field.write(i);
    }
    sink.ascii(fields.length === 0 ? '{}' : '}');
  };
}

/** An object; keys that are no text are written as the text of their JSON. */
function mapWriter(data: Data, offsets: Int32Array, sink: ByteSink): JsonWriter {
  const [keys, values] = data.children[0]!.children as [Data, Data];
  const writeKey = keyWriter(keys, sink);
  const writeValue = jsonWriter(values, sink);
  return (i) => {
    sink.ascii('{');
    for (let k = offsets[i]!; k < offsets[i + 1]!; k++) {
      if (k > offsets[i]!) sink.ascii(',');
      writeKey(k);
      sink.ascii(':');
      writeValue(k);
    }
    sink.ascii('}');
  };
}

function keyWriter(keys: Data, sink: ByteSink): JsonWriter {
  if (keys.type instanceof Utf8) return jsonWriter(keys, sink);
  const inner = new ByteSink();
  const write = jsonWriter(keys, inner);
  return (i) => {
    write(i);
    const text = inner.take();
    if (text[0] === 0x22) sink.bytes(text);
    else sink.jsonString(text, 0, text.length);
  };
}

function listWriter(element: JsonWriter, sink: ByteSink, start: (i: number) => number): JsonWriter {
  return (i) => {
    sink.ascii('[');
    for (let k = start(i); k < start(i + 1); k++) {
      if (k > start(i)) sink.ascii(',');
      element(k);
    }
    sink.ascii(']');
  };
}

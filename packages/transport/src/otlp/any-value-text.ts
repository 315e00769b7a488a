import { type AnyValue, KeyValue, VALUE_TYPE } from './any-value.ts';
import type { ByteRange } from './fields.ts';
import { checkUtf8, type TextColumn } from './text-column.ts';
import { MAX_DEPTH, MalformedWire, type WireReader } from './wire.ts';

const BASE64 = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SHORT_ESCAPES = new Map([...'"\\\b\f\n\r\t'].map((char, i) => [char.charCodeAt(0), '"\\bfnrt'[i]!] as const));

/**
 * Writes values as text: strings as they are, bytes as base64, arrays and maps as compact JSON, numbers and booleans as
 * their words.
 *
 * The JSON loses nothing that JSON can say: integers have all their digits, doubles always have a fraction or an
 * exponent so that they stay doubles, NaN and the infinities are strings, bytes are base64 strings, an empty value is null.
 */
export class AnyValueText {
  readonly #reader: WireReader;
  /** One a level of nesting, made when it is first reached. */
  readonly #levels: KeyValue[] = [];
  readonly #double: Float64Array = new Float64Array(1);
  readonly #halves: Int32Array = new Int32Array(this.#double.buffer);

  constructor(reader: WireReader) {
    this.#reader = reader;
  }

  /** @throws MalformedWire */
  write(text: TextColumn, value: AnyValue): void {
    switch (value.type) {
      case VALUE_TYPE.string:
        text.write(this.#reader, value.bytes);
        return;
      case VALUE_TYPE.bytes:
        this.#writeBase64(text, value.bytes);
        return;
      case VALUE_TYPE.double:
        text.writeAscii(String(this.#doubleOf(value)));
        return;
      case VALUE_TYPE.empty:
        return;
      default:
        this.#writeJson(text, value, 0);
    }
  }

  #writeJson(text: TextColumn, value: AnyValue, depth: number): void {
    switch (value.type) {
      case VALUE_TYPE.string:
        this.#writeQuoted(text, value.bytes);
        return;
      case VALUE_TYPE.int:
        text.writeAscii(intText(value.lo, value.hi));
        return;
      case VALUE_TYPE.double:
        text.writeAscii(jsonDouble(this.#doubleOf(value)));
        return;
      case VALUE_TYPE.bool:
        text.writeAscii(value.lo === 1 ? 'true' : 'false');
        return;
      case VALUE_TYPE.bytes:
        text.writeAscii('"');
        this.#writeBase64(text, value.bytes);
        text.writeAscii('"');
        return;
      case VALUE_TYPE.array:
        this.#writeItems(text, value, depth, '[', ']');
        return;
      case VALUE_TYPE.map:
        this.#writeItems(text, value, depth, '{', '}');
        return;
      default:
        text.writeAscii('null');
    }
  }

  /** ArrayValue and KeyValueList are alike: one repeated field, number 1. */
  #writeItems(text: TextColumn, list: AnyValue, depth: number, open: string, close: string): void {
    const reader = this.#reader;
    if (depth === MAX_DEPTH)
      throw new MalformedWire(list.bytes.at, `values are nested more than ${MAX_DEPTH} levels deep`);
    const item = (this.#levels[depth] ??= new KeyValue());
    const { at: outerAt, end: outerEnd } = reader;
    reader.at = list.bytes.at;
    reader.end = reader.at + list.bytes.length;
    let separator = open;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag !== 0x0a) {
        reader.skip(tag);
        continue;
      }
      text.writeAscii(separator);
      separator = ',';
      if (list.type === VALUE_TYPE.map) {
        item.read(reader);
        this.#writeQuoted(text, item.key);
        text.writeAscii(':');
      } else {
        item.value.read(reader);
      }
      this.#writeJson(text, item.value, depth + 1);
    }
    text.writeAscii(separator === open ? open + close : close);
    reader.at = outerAt;
    reader.end = outerEnd;
  }

  #writeQuoted(text: TextColumn, range: ByteRange): void {
    const { bytes } = this.#reader;
    const end = range.at + range.length;
    checkUtf8(bytes, range.at, range.length);
    text.reserve(range.length + 2);
    text.put(QUOTE);
    for (let i = range.at; i < end; i++) {
      const byte = bytes[i]!;
      if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) {
        // Room for the rest of the string and the quote was made before; an escape makes its own.
        text.put(byte);
        continue;
      }
      text.writeAscii(escaped(byte));
      text.reserve(end - i);
    }
    text.put(QUOTE);
  }

  #writeBase64(text: TextColumn, { at, length }: ByteRange): void {
    const { bytes } = this.#reader;
    const end = at + length;
    text.reserve(Math.ceil(length / 3) * 4);
    for (let i = at; i < end; i += 3) {
      const left = end - i;
      const second = left > 1 ? bytes[i + 1]! : 0;
      const third = left > 2 ? bytes[i + 2]! : 0;
      const bits = (bytes[i]! << 16) | (second << 8) | third;
      text.put(BASE64[bits >> 18]!);
      text.put(BASE64[(bits >> 12) & 63]!);
      text.put(left > 1 ? BASE64[(bits >> 6) & 63]! : 0x3d);
      text.put(left > 2 ? BASE64[bits & 63]! : 0x3d);
    }
  }

  #doubleOf(value: AnyValue): number {
    this.#halves[0] = value.lo;
    this.#halves[1] = value.hi;
    return this.#double[0]!;
  }
}

function intText(lo: number, hi: number): string {
  if (hi === lo >> 31) return String(lo);
  return String((BigInt(hi) << 32n) | BigInt(lo >>> 0));
}

function jsonDouble(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function escaped(byte: number): string {
  const short = SHORT_ESCAPES.get(byte);
  return short === undefined ? `\\u${byte.toString(16).padStart(4, '0')}` : `\\${short}`;
}

import { ENUMS } from '../otlp/schema.ts';
import type { ProtobufWriter } from '../protobuf-writer.ts';
import { JsonProblem } from './json-problem.ts';
import { isNumberStart, type JsonText, QUOTE } from './json-text.ts';

/** Writes a field of a scalar or enum type from its JSON form. @throws JsonProblem */
export function writeJsonScalar(writer: ProtobufWriter, field: number, type: string, text: JsonText): void {
  switch (type) {
    case 'string':
      writeString(writer, field, text);
      return;
    case 'bytes':
      writer.bytes(field, base64Bytes(text));
      return;
    case 'id':
      writer.bytes(field, hexBytes(text));
      return;
    case 'bool':
      writer.varint(field, bool(text) ? 1n : 0n);
      return;
    case 'double':
      writer.double(field, double(text));
      return;
    case 'fixed64':
      writer.fixed64(field, integer(text, 0n, 2n ** 64n - 1n));
      return;
    case 'sfixed64':
      writer.fixed64(field, integer(text, -(2n ** 63n), 2n ** 63n - 1n));
      return;
    case 'fixed32':
      writer.fixed32(field, Number(integer(text, 0n, 2n ** 32n - 1n)));
      return;
    case 'uint32':
      writer.varint(field, integer(text, 0n, 2n ** 32n - 1n));
      return;
    case 'uint64':
      writer.varint(field, integer(text, 0n, 2n ** 64n - 1n));
      return;
    case 'int64':
      writer.varint(field, integer(text, -(2n ** 63n), 2n ** 63n - 1n));
      return;
    case 'sint32':
      writer.varint(field, zigzag(integer(text, -(2n ** 31n), 2n ** 31n - 1n)));
      return;
    default:
      writer.varint(field, enumNumber(type, text));
  }
}

function writeString(writer: ProtobufWriter, field: number, text: JsonText): void {
  if (text.peek() !== QUOTE) throw text.wrong('is not a string');
  text.readString();
  if (text.hasEscapes) {
    writer.string(field, text.stringValue());
    return;
  }
  const start = writer.begin(field);
  writer.append(text.bytes, text.start, text.end);
  writer.end(start);
}

/** The string that comes next; nothing when something else does. */
function stringValue(text: JsonText): string | undefined {
  if (text.peek() !== QUOTE) return undefined;
  text.readString();
  return text.stringValue();
}

/** The characters of the number that comes next; nothing when something else does. */
function numberText(text: JsonText): string | undefined {
  if (!isNumberStart(text.peek())) return undefined;
  text.readNumber();
  return text.numberText();
}

function bool(text: JsonText): boolean {
  if (text.acceptWord('true')) return true;
  if (text.acceptWord('false')) return false;
  throw text.wrong('is not true or false');
}

/** 64-bit integers come as decimal text or as numbers, and keep all their digits. */
function integer(text: JsonText, min: bigint, max: bigint): bigint {
  const digits = stringValue(text);
  if (digits !== undefined) return between(decimal(digits), min, max);
  const number = numberText(text);
  if (number === undefined) throw text.wrong('is not an integer');
  return between(decimal(number) ?? wholeNumber(number), min, max);
}

function decimal(digits: string): bigint | undefined {
  return /^-?\d{1,20}$/.test(digits) ? BigInt(digits) : undefined;
}

/** `1.0` and `1e3` are integers too. */
function wholeNumber(number: string): bigint | undefined {
  const value = Number(number);
  return Number.isInteger(value) ? BigInt(value) : undefined;
}

function between(value: bigint | undefined, min: bigint, max: bigint): bigint {
  if (value === undefined) throw new JsonProblem('is not an integer');
  if (value < min || value > max) throw new JsonProblem(`is not between ${min} and ${max}`);
  return value;
}

function zigzag(value: bigint): bigint {
  return value < 0n ? -value * 2n - 1n : value * 2n;
}

function double(text: JsonText): number {
  const number = numberText(text);
  if (number !== undefined) return Number(number);
  const word = stringValue(text);
  if (word === undefined) throw text.wrong('is not a number');
  if (word === 'NaN') return Number.NaN;
  const parsed = word.trim() === '' ? Number.NaN : Number(word);
  if (Number.isNaN(parsed)) throw new JsonProblem('is not a number');
  return parsed;
}

function base64Bytes(text: JsonText): Uint8Array {
  const value = stringValue(text);
  if (value === undefined) throw text.wrong('is not base64');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) throw new JsonProblem('is not base64');
  return Buffer.from(value, 'base64');
}

/**
 * Ids are hex of any case in OTLP/JSON. A wrong length is left for the decoder, which rejects that record alone. Half a
 * byte makes the number of bytes odd, so that no cut or padded id looks like a whole one.
 */
function hexBytes(text: JsonText): Uint8Array {
  if (text.peek() !== QUOTE) throw text.wrong('is not hex');
  text.readString();
  const length = text.end - text.start;
  const wholeBytes = length >> 1;
  const id = new Uint8Array(length % 2 === 0 ? wholeBytes : wholeBytes | 1);
  for (let i = 0; i < length; i++) {
    const nibble = hexDigit(text.bytes[text.start + i]!);
    if (nibble < 0) throw new JsonProblem('is not hex');
    id[i >> 1]! |= i % 2 === 0 ? nibble << 4 : nibble;
  }
  return id;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function enumNumber(type: string, text: JsonText): bigint {
  const { prefix, names } = ENUMS[type]!;
  if (text.peek() !== QUOTE) return integer(text, -(2n ** 31n), 2n ** 31n - 1n);
  text.readString();
  const value = text.stringValue();
  const named = names.findIndex((name) => value === prefix + name);
  return named >= 0 ? BigInt(named) : between(decimal(value), -(2n ** 31n), 2n ** 31n - 1n);
}

import { ENUMS } from '../otlp/schema.ts';
import type { ProtobufWriter } from '../protobuf-writer.ts';
import { JsonProblem } from './json-problem.ts';

/** Writes a field of a scalar or enum type from its JSON form. @throws JsonProblem */
export function writeJsonScalar(writer: ProtobufWriter, field: number, type: string, value: unknown): void {
  switch (type) {
    case 'string':
      if (typeof value !== 'string') throw new JsonProblem('is not a string');
      writer.string(field, value.toWellFormed());
      return;
    case 'bytes':
      writer.bytes(field, base64Bytes(value));
      return;
    case 'id':
      writer.bytes(field, hexBytes(value));
      return;
    case 'bool':
      if (typeof value !== 'boolean') throw new JsonProblem('is not true or false');
      writer.varint(field, value ? 1n : 0n);
      return;
    case 'double':
      writer.double(field, double(value));
      return;
    case 'fixed64':
      writer.fixed64(field, integer(value, 0n, 2n ** 64n - 1n));
      return;
    case 'sfixed64':
      writer.fixed64(field, integer(value, -(2n ** 63n), 2n ** 63n - 1n));
      return;
    case 'fixed32':
      writer.fixed32(field, Number(integer(value, 0n, 2n ** 32n - 1n)));
      return;
    case 'uint32':
      writer.varint(field, integer(value, 0n, 2n ** 32n - 1n));
      return;
    case 'uint64':
      writer.varint(field, integer(value, 0n, 2n ** 64n - 1n));
      return;
    case 'int64':
      writer.varint(field, integer(value, -(2n ** 63n), 2n ** 63n - 1n));
      return;
    case 'sint32':
      writer.varint(field, zigzag(integer(value, -(2n ** 31n), 2n ** 31n - 1n)));
      return;
    default:
      writer.varint(field, enumNumber(type, value));
  }
}

/** 64-bit integers come as decimal text or as numbers; see `parseJson` for those that a double cannot hold. */
function integer(value: unknown, min: bigint, max: bigint): bigint {
  const parsed = bigIntOf(value);
  if (parsed === undefined) throw new JsonProblem('is not an integer');
  if (parsed < min || parsed > max) throw new JsonProblem(`is not between ${min} and ${max}`);
  return parsed;
}

function bigIntOf(value: unknown): bigint | undefined {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  return undefined;
}

function zigzag(value: bigint): bigint {
  return value < 0n ? -value * 2n - 1n : value * 2n;
}

function double(value: unknown): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return Number.NaN;
  const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
  if (Number.isNaN(parsed)) throw new JsonProblem('is not a number');
  return parsed;
}

function base64Bytes(value: unknown): Uint8Array {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) throw new JsonProblem('is not base64');
  return Buffer.from(value, 'base64');
}

/**
 * Ids are hex of any case in OTLP/JSON. A wrong length is left for the decoder, which rejects that record alone. Half a
 * byte makes the number of bytes odd, so that no cut or padded id looks like a whole one.
 */
function hexBytes(value: unknown): Uint8Array {
  if (typeof value !== 'string' || !/^[0-9a-fA-F]*$/.test(value)) throw new JsonProblem('is not hex');
  const wholeBytes = value.length >> 1;
  const bytes = value.length % 2 === 0 ? wholeBytes : wholeBytes | 1;
  return Buffer.from(value.slice(0, bytes * 2).padEnd(bytes * 2, '0'), 'hex');
}

function enumNumber(type: string, value: unknown): bigint {
  const { prefix, names } = ENUMS[type]!;
  const named = typeof value === 'string' ? names.findIndex((name) => value === prefix + name) : -1;
  return named >= 0 ? BigInt(named) : integer(value, -(2n ** 31n), 2n ** 31n - 1n);
}

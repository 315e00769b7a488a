import { OpenWitError, type Signal } from '@openwit/ports';
import { type FieldSchema, messageSchema, REQUEST_MESSAGES } from '../otlp/schema.ts';
import { ProtobufWriter } from '../protobuf-writer.ts';
import { JsonProblem } from './json-problem.ts';
import { writeJsonScalar } from './json-scalars.ts';

/** Messages inside each other; far more than the decoder takes, and far less than the stack does. */
const MAX_MESSAGE_DEPTH = 200;

/**
 * An `Export…ServiceRequest` of OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) as
 * protobuf: the one form that the log and the decoder know. Ids are hex of any case, enums numbers (names are taken
 * too), field names lowerCamelCase (snake_case is taken too), 64-bit integers text or numbers without losing a digit;
 * unknown fields are ignored.
 * @throws invalid / MALFORMED_OTLP with `details.field` (`resourceSpans[0].resource.attributes`), and `details.offset`
 * where the text is not JSON
 */
export function otlpJsonToProtobuf(signal: Signal, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter(Math.max(256, body.length >> 1));
  const request = parseJson(body);
  try {
    writeMessage(writer, REQUEST_MESSAGES[signal], request, 0);
  } catch (error) {
    if (!(error instanceof JsonProblem)) throw error;
    const field = error.path === '' ? REQUEST_MESSAGES[signal] : error.path;
    throw new OpenWitError('invalid', 'MALFORMED_OTLP', `malformed OTLP/JSON: ${error.message}, field=\`${field}\``, {
      details: { field },
    });
  }
  return writer.finish();
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body), keepDigits);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    const offset = /at position (\d+)/.exec(problem)?.[1];
    throw new OpenWitError('invalid', 'MALFORMED_OTLP', `malformed OTLP/JSON: ${problem}`, {
      cause,
      details: { field: '', ...(offset === undefined ? {} : { offset: Number(offset) }) },
    });
  }
}

/** An integer beyond 2^53 as its own text: as a number it would lose digits. */
function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? '';
  return /^-?\d+$/.test(source) ? source : value;
}

/** Backwards, as the writer wants it: the value of a oneof that stands last in the text stays the last one. */
function writeMessage(writer: ProtobufWriter, name: string, value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new JsonProblem('is not an object');
  if (depth > MAX_MESSAGE_DEPTH) throw new JsonProblem(`is nested more than ${MAX_MESSAGE_DEPTH} levels deep`);
  const fields = fieldsByName(name);
  for (const [key, item] of Object.entries(value).reverse()) {
    const field = fields.get(key);
    if (field === undefined || item === null) continue;
    try {
      writeField(writer, field, item, depth);
    } catch (error) {
      throw error instanceof JsonProblem ? error.in(key) : error;
    }
  }
}

function writeField(writer: ProtobufWriter, field: FieldSchema, value: unknown, depth: number): void {
  if (!field.isRepeated) {
    writeValue(writer, field, value, depth);
    return;
  }
  if (!Array.isArray(value)) throw new JsonProblem('is not an array');
  for (let i = value.length - 1; i >= 0; i--) {
    try {
      writeValue(writer, field, value[i], depth);
    } catch (error) {
      throw error instanceof JsonProblem ? error.in(`[${i}]`) : error;
    }
  }
}

function writeValue(writer: ProtobufWriter, field: FieldSchema, value: unknown, depth: number): void {
  if (messageSchema(field.type) === undefined) {
    writeJsonScalar(writer, field.number, field.type, value);
    return;
  }
  const lengthBefore = writer.length;
  writeMessage(writer, field.type, value, depth + 1);
  writer.message(field.number, lengthBefore);
}

const fieldMaps = new Map<string, ReadonlyMap<string, FieldSchema>>();

function fieldsByName(message: string): ReadonlyMap<string, FieldSchema> {
  let fields = fieldMaps.get(message);
  if (fields === undefined) {
    const schema = messageSchema(message)!;
    fields = new Map(
      schema.flatMap((field) => [[field.name, field] as const, [camelCase(field.name), field] as const]),
    );
    fieldMaps.set(message, fields);
  }
  return fields;
}

function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase());
}

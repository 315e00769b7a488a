import { OpenWitError, type Signal } from '@openwit/ports';
import { REQUEST_MESSAGES } from '../otlp/schema.ts';
import { ProtobufFull, ProtobufWriter } from '../protobuf-writer.ts';
import { type JsonField, JsonFields } from './json-fields.ts';
import { JsonProblem } from './json-problem.ts';
import { writeJsonScalar } from './json-scalars.ts';
import { CLOSE_BRACE, CLOSE_BRACKET, COLON, JsonText, OPEN_BRACE, OPEN_BRACKET } from './json-text.ts';

/**
 * An `Export…ServiceRequest` of OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) as
 * protobuf: the one form that the log and the decoder know. Ids are hex of any case, enums numbers (names are taken
 * too), field names lowerCamelCase (snake_case is taken too), 64-bit integers text or numbers without losing a digit;
 * unknown fields are ignored. It needs no memory beyond the protobuf's.
 * @throws invalid / MALFORMED_OTLP with `details.field` (`resourceSpans[0].resource.attributes`), and `details.offset`
 * where the text is not JSON; invalid / REQUEST_TOO_LARGE when the protobuf has more than `maxBytes`
 */
export function otlpJsonToProtobuf(signal: Signal, body: Uint8Array, maxBytes?: number): Uint8Array<ArrayBuffer> {
  return convertOtlpJson(signal, body, maxBytes, (protobuf) => new Uint8Array(protobuf));
}

/** The same, with a copy of the protobuf as the caller wants it. */
export function convertOtlpJson<T>(
  signal: Signal,
  body: Uint8Array,
  maxBytes: number | undefined,
  copy: (protobuf: Uint8Array) => T,
): T {
  const writer = new ProtobufWriter(Math.max(256, body.length >> 1), maxBytes);
  const message = REQUEST_MESSAGES[signal];
  try {
    const text = new JsonText(body);
    writeMessage(writer, JsonFields.of(message), text);
    if (text.peek() !== -1) throw text.unexpected();
    return copy(writer.written);
  } catch (error) {
    throw conversionError(error, message, maxBytes);
  } finally {
    writer.free();
  }
}

function conversionError(error: unknown, message: string, maxBytes: number | undefined): unknown {
  if (error instanceof ProtobufFull) {
    return new OpenWitError('invalid', 'REQUEST_TOO_LARGE', `request is larger than ${maxBytes} bytes`);
  }
  if (!(error instanceof JsonProblem)) return error;
  const { offset, path } = error;
  const field = path === '' ? message : path;
  const where = offset === undefined ? { field } : { field, offset };
  const at = offset === undefined ? '' : `, offset=${offset}`;
  const problem = `malformed OTLP/JSON: ${error.message}, field=\`${field}\`${at}`;
  return new OpenWitError('invalid', 'MALFORMED_OTLP', problem, { details: where });
}

function writeMessage(writer: ProtobufWriter, fields: JsonFields, text: JsonText): void {
  if (text.peek() !== OPEN_BRACE) throw text.wrong('is not an object');
  text.open(OPEN_BRACE);
  for (let isFirst = true; text.hasNext(CLOSE_BRACE, isFirst); isFirst = false) {
    text.readString();
    const field = fields.named(text);
    text.expect(COLON);
    if (field === undefined) text.skipValue();
    else if (!text.acceptWord('null')) writeField(writer, field, text);
  }
}

function writeField(writer: ProtobufWriter, field: JsonField, text: JsonText): void {
  try {
    if (field.isRepeated) writeItems(writer, field, text);
    else writeValue(writer, field, text);
  } catch (error) {
    throw error instanceof JsonProblem ? error.in(field.name) : error;
  }
}

function writeItems(writer: ProtobufWriter, field: JsonField, text: JsonText): void {
  if (text.peek() !== OPEN_BRACKET) throw text.wrong('is not an array');
  text.open(OPEN_BRACKET);
  for (let i = 0; text.hasNext(CLOSE_BRACKET, i === 0); i++) {
    try {
      writeValue(writer, field, text);
    } catch (error) {
      throw error instanceof JsonProblem ? error.in(`[${i}]`) : error;
    }
  }
}

function writeValue(writer: ProtobufWriter, field: JsonField, text: JsonText): void {
  if (!field.isMessage) {
    writeJsonScalar(writer, field.number, field.type, text);
    return;
  }
  const start = writer.begin(field.number);
  writeMessage(writer, JsonFields.of(field.type), text);
  writer.end(start);
}

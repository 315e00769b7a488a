import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpenWitError, SIGNALS, type Signal } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { createOtlpBatch } from '../otlp/batch.ts';
import { expectedRows } from '../testing/expected-rows.ts';
import { decodeRequest, encodeRequest, type Message } from '../testing/otlp-proto.ts';
import { RandomRequests } from '../testing/random-requests.ts';
import { rowsOf } from '../testing/rows-of.ts';
import { otlpJsonToProtobuf } from './otlp-json.ts';

const IDS = new Set(['trace_id', 'span_id', 'parent_span_id']);

/** A message in OTLP/JSON, with names by `rename` and ids by `hexOf`. */
function toJson(value: Message, rename: (name: string) => string, hexOf: (hex: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => toJson(item, rename, hexOf));
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => {
    if (IDS.has(name)) return [rename(name), hexOf(Buffer.from(item as Uint8Array).toString('hex'))];
    if (item instanceof Uint8Array) return [rename(name), Buffer.from(item).toString('base64')];
    return [rename(name), toJson(item, rename, hexOf)];
  });
  return Object.fromEntries(entries);
}

// Not in TypeScript's library yet.
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

const camelCase = (name: string) => name.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());

function textOf(signal: Signal, payload: Uint8Array, isSnakeCase = false): string {
  const message = decodeRequest(signal, payload);
  const json = isSnakeCase
    ? toJson(
        message,
        (name) => name,
        (hex) => hex,
      )
    : toJson(message, camelCase, (hex) => hex.toUpperCase());
  // JSON.stringify writes -0 as 0.
  return JSON.stringify(json, (_key, value) => (Object.is(value, -0) ? rawJson('-0.0') : value));
}

function convert(signal: Signal, json: string): Uint8Array<ArrayBuffer> {
  return otlpJsonToProtobuf(signal, new TextEncoder().encode(json));
}

for (const signal of SIGNALS) {
  test(`${signal} in JSON become the rows that they become in protobuf`, () => {
    for (let seed = 1; seed <= 100; seed++) {
      const payload = new RandomRequests(seed).next(signal);
      const batch = createOtlpBatch(signal);
      batch.append(convert(signal, textOf(signal, payload, seed % 2 === 0)), { maxRecords: 1_000_000 });
      assert.deepEqual(rowsOf(batch), expectedRows(signal, payload), `seed ${seed}`);
    }
  });
}

const SPAN = { traceId: '0102030405060708090a0b0c0d0e0f10', spanId: 'FFeeDDccBBaa9988' };
const spans = (...items: unknown[]) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: items }] }] });

test('64-bit integers keep their digits, as text and as numbers', () => {
  const json = `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[
    {"asInt":"9223372036854775807","timeUnixNano":1780000000123456789},{"asInt":-9223372036854775808}]}}]}]}]}`;
  const batch = createOtlpBatch('metrics');
  batch.append(convert('metrics', json), { maxRecords: 10 });
  const rows = rowsOf(batch);
  assert.deepEqual(
    rows.map((row) => row.value_int),
    [9223372036854775807n, -9223372036854775808n],
  );
  assert.equal(rows[0]!.timestamp, 1780000000123456789n);
});

test('enums are numbers or names, unknown fields and nulls are ignored', () => {
  const span = { ...SPAN, kind: 'SPAN_KIND_SERVER', status: { code: 2, unknown: {} }, extra: [1], name: null };
  const batch = createOtlpBatch('traces');
  batch.append(convert('traces', spans(span)), { maxRecords: 10 });
  const [row] = rowsOf(batch);
  assert.deepEqual([row!.span_kind, row!.status_code, row!.span_name], ['SERVER', 'ERROR', '']);
  assert.deepEqual([row!.trace_id, row!.span_id], [SPAN.traceId, SPAN.spanId.toLowerCase()]);
});

test('a hex id of any wrong length reaches the decoder, which rejects that record alone', () => {
  const lengths = [0, 1, 2, 15, 17, 30, 31, 33, 34, 64];
  const items = lengths.map((length) => ({ ...SPAN, traceId: 'a'.repeat(length) }));
  const result = createOtlpBatch('traces').append(convert('traces', spans(...items, SPAN)), { maxRecords: 100 });
  assert.deepEqual([result.accepted, result.rejected], [1, lengths.length]);
});

test('an empty object is an empty request', () => {
  assert.deepEqual(convert('logs', '{}'), encodeRequest('logs', {}));
});

test('the payload owns its whole buffer, as it is transferred to a worker', () => {
  const payload = convert('traces', spans(SPAN));
  assert.deepEqual([payload.byteOffset, payload.buffer.byteLength], [0, payload.length]);
});

const WRONG: readonly [string, string, string][] = [
  ['an id that is not hex', spans({ ...SPAN, spanId: 'xyz' }), 'resourceSpans[0].scopeSpans[0].spans[0].spanId'],
  ['an object instead of a list', '{"resourceSpans":{}}', 'resourceSpans'],
  ['a list instead of an object', '[]', 'ExportTraceServiceRequest'],
  ['text instead of an object', '{"resourceSpans":["x"]}', 'resourceSpans[0]'],
  [
    'a fraction for an integer',
    spans({ ...SPAN, startTimeUnixNano: 1.5 }),
    'resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano',
  ],
  ['an integer out of range', spans({ ...SPAN, flags: 2 ** 32 }), 'resourceSpans[0].scopeSpans[0].spans[0].flags'],
  ['a number instead of text', spans(SPAN, { ...SPAN, name: 7 }), 'resourceSpans[0].scopeSpans[0].spans[1].name'],
  ['an unknown enum name', spans({ ...SPAN, kind: 'SERVER?' }), 'resourceSpans[0].scopeSpans[0].spans[0].kind'],
  [
    'text for a bool',
    spans({ ...SPAN, attributes: [{ key: 'k', value: { boolValue: 'yes' } }] }),
    'resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value.boolValue',
  ],
  [
    'bytes that are not base64',
    spans({ ...SPAN, attributes: [{ key: 'k', value: { bytesValue: '*' } }] }),
    'resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value.bytesValue',
  ],
  [
    'text for a double',
    spans({ ...SPAN, attributes: [{ key: 'k', value: { doubleValue: 'one' } }] }),
    'resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value.doubleValue',
  ],
];

for (const [what, json, field] of WRONG) {
  test(`${what} is malformed, with its path`, () => {
    assert.throws(
      () => convert('traces', json),
      (error) => {
        assert.ok(isOpenWitError(error) && error.code === 'MALFORMED_OTLP', String(error));
        assert.equal(error.details.field, field);
        return true;
      },
    );
  });
}

test('text that is not JSON is malformed, with its position', () => {
  assert.throws(
    () => convert('traces', '{"resourceSpans": [] oops}'),
    (error) => {
      assert.ok(isOpenWitError(error));
      assert.deepEqual([error.code, error.details.offset], ['MALFORMED_OTLP', 21]);
      return true;
    },
  );
});

test('bytes that are not UTF-8, and values nested without end, are malformed', () => {
  const isMalformed = (error: unknown) => isOpenWitError(error) && error.code === 'MALFORMED_OTLP';
  assert.throws(() => otlpJsonToProtobuf('logs', Uint8Array.of(0x22, 0xff, 0x22)), isMalformed);
  for (const depth of [300, 100_000]) {
    const value = `${'{"arrayValue":{"values":['.repeat(depth)}{}${']}}'.repeat(depth)}`;
    assert.throws(
      () => convert('logs', `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${value}}]}]}]}`),
      isMalformed,
    );
  }
});

test('JSON may nest maps as deep as protobuf may', () => {
  const depth = 99;
  const head = '{"kvlistValue":{"values":[{"key":"k","value":';
  const body = `${head.repeat(depth)}{"intValue":1}${'}]}}'.repeat(depth)}`;
  const batch = createOtlpBatch('logs');
  batch.append(convert('logs', `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${body}}]}]}]}`), {
    maxRecords: 10,
  });
  assert.equal(rowsOf(batch)[0]!.body, `${'{"k":'.repeat(depth)}1${'}'.repeat(depth)}`);
});

test('text is refused where JSON.parse refuses it, and nowhere else', () => {
  const random = new SeededRandom(7);
  const original = '{"a":[1,-2.5e+3,"x\\u00e9\\n\\"",true,false,null,{"b":{}},[]], "c" : 0 }';
  const characters = [...'{}[]:,"\\ue+-.0129tfnab \n\t\u0001é'];
  let [accepted, refused] = [0, 0];
  for (let i = 0; i < 20_000; i++) {
    let json = original;
    for (let changes = 1 + random.below(3); changes > 0; changes--) {
      const at = random.below(json.length + 1);
      json = json.slice(0, at) + random.pick(characters) + json.slice(at + random.below(3));
    }
    if (isConverted(`{"unknown":${json}}`) !== isParsed(`{"unknown":${json}}`)) assert.fail(json);
    if (isParsed(json)) accepted++;
    else refused++;
  }
  assert.ok(accepted > 1000 && refused > 1000, `${accepted} and ${refused}`);
});

function isConverted(json: string): boolean {
  try {
    convert('logs', json);
    return true;
  } catch (error) {
    assert.ok(isOpenWitError(error) && error.code === 'MALFORMED_OTLP', String(error));
    return false;
  }
}

function isParsed(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

test('names and text with escapes are what they say', () => {
  const json = spans({ ...SPAN, name: 'größe "1"\n\ud800 😀' }).replace('"name"', '"n\\u0061me"');
  const batch = createOtlpBatch('traces');
  batch.append(convert('traces', json), { maxRecords: 10 });
  assert.equal(rowsOf(batch)[0]!.span_name, 'größe "1"\n\ufffd 😀');
});

test('protobuf beyond its limit is too large', () => {
  const json = new TextEncoder().encode(spans(...Array(1000).fill(SPAN)));
  const isTooLarge = (error: unknown) => isOpenWitError(error) && error.code === 'REQUEST_TOO_LARGE';
  assert.throws(() => otlpJsonToProtobuf('traces', json, 1000), isTooLarge);
});

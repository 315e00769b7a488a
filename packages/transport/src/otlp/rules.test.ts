import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpenWitError, type Signal } from '@openwit/ports';
import { ProtobufWriter } from '../protobuf-writer.ts';
import { encodeMessage, encodeRequest, type Message } from '../testing/otlp-proto.ts';
import { type Row, rowsOf } from '../testing/rows-of.ts';
import { MAX_ATTRIBUTE_KEYS } from './attribute-keys.ts';
import { type AppendResult, createOtlpBatch } from './batch.ts';

const LIMITS = { maxRecords: 1_000_000 };
const TRACE_ID = Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex');
const SPAN_ID = Buffer.from('00000000000000ff', 'hex');
const GOOD_SPAN = { trace_id: TRACE_ID, span_id: SPAN_ID };
const TOO_LATE = '9223372036854775807';

function requestOf(signal: Signal, records: Message[]): Uint8Array {
  const [resources, scopes, items] = {
    traces: ['resource_spans', 'scope_spans', 'spans'],
    logs: ['resource_logs', 'scope_logs', 'log_records'],
    metrics: ['resource_metrics', 'scope_metrics', 'metrics'],
  }[signal] as [string, string, string];
  return encodeRequest(signal, { [resources]: [{ [scopes]: [{ [items]: records }] }] });
}

function decode(signal: Signal, payload: Uint8Array): { result: AppendResult; rows: Row[] } {
  const batch = createOtlpBatch(signal);
  const result = batch.append(payload, LIMITS);
  return { result, rows: rowsOf(batch) };
}

function field(number: number, wireType: number, ...content: Uint8Array[]): Buffer {
  const bytes = Buffer.concat(content);
  const tag = number * 8 + wireType;
  const tagBytes = tag < 128 ? [tag] : [(tag & 127) | 128, tag >> 7];
  return Buffer.concat([Buffer.from(tagBytes), ...(wireType === 2 ? [varint(bytes.length)] : []), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** A request around the bytes of one record. */
function wrap(record: Uint8Array): Buffer {
  return field(1, 2, field(2, 2, field(2, 2, record)));
}

const BAD_SPANS: readonly [string, Message, string][] = [
  ['a trace id of 15 bytes', { ...GOOD_SPAN, trace_id: TRACE_ID.subarray(1) }, 'trace_id has 15 bytes instead of 16'],
  ['no trace id', { span_id: SPAN_ID }, 'trace_id has 0 bytes instead of 16'],
  ['a trace id of zeros', { ...GOOD_SPAN, trace_id: Buffer.alloc(16) }, 'trace_id is all zeros'],
  ['a span id of 9 bytes', { ...GOOD_SPAN, span_id: Buffer.alloc(9, 1) }, 'span_id has 9 bytes instead of 8'],
  ['a span id of zeros', { ...GOOD_SPAN, span_id: Buffer.alloc(8) }, 'span_id is all zeros'],
  [
    'a parent id of 4 bytes',
    { ...GOOD_SPAN, parent_span_id: Buffer.alloc(4, 1) },
    'parent_span_id has 4 bytes instead of 8',
  ],
  ['a start past 2262', { ...GOOD_SPAN, start_time_unix_nano: TOO_LATE }, 'start_time_unix_nano is not before'],
  [
    'an end past 2262',
    { ...GOOD_SPAN, end_time_unix_nano: '18446744073709551615' },
    'end_time_unix_nano is not before',
  ],
  ['a late event', { ...GOOD_SPAN, events: [{ time_unix_nano: TOO_LATE }] }, 'events.time_unix_nano is not before'],
  [
    'a link without trace id',
    { ...GOOD_SPAN, links: [{ span_id: SPAN_ID }] },
    'links.trace_id has 0 bytes instead of 16',
  ],
  [
    'a link of 7 bytes',
    { ...GOOD_SPAN, links: [{ trace_id: TRACE_ID, span_id: Buffer.alloc(7, 1) }] },
    'links.span_id has 7',
  ],
];

for (const [what, span, problem] of BAD_SPANS) {
  test(`a span with ${what} is rejected alone, and the message says which and why`, () => {
    const { result, rows } = decode('traces', requestOf('traces', [GOOD_SPAN, { ...span, name: 'bad' }, GOOD_SPAN]));
    assert.deepEqual({ accepted: result.accepted, rejected: result.rejected }, { accepted: 2, rejected: 1 });
    assert.ok(result.message.startsWith(`span 1 was rejected: ${problem}`), result.message);
    assert.deepEqual(
      rows.map((row) => row.span_name),
      ['', ''],
    );
  });
}

const BAD_LOGS: readonly [string, Message, string][] = [
  ['a trace id of 3 bytes', { trace_id: Buffer.alloc(3) }, 'trace_id has 3 bytes instead of 16'],
  ['a span id of 16 bytes', { span_id: TRACE_ID }, 'span_id has 16 bytes instead of 8'],
  ['a time past 2262', { time_unix_nano: TOO_LATE }, 'time_unix_nano is not before'],
  ['an observed time past 2262', { observed_time_unix_nano: TOO_LATE }, 'observed_time_unix_nano is not before'],
];

for (const [what, log, problem] of BAD_LOGS) {
  test(`a log record with ${what} is rejected alone`, () => {
    const { result } = decode('logs', requestOf('logs', [log, {}]));
    assert.deepEqual({ accepted: result.accepted, rejected: result.rejected }, { accepted: 1, rejected: 1 });
    assert.ok(result.message.startsWith(`log record 0 was rejected: ${problem}`), result.message);
  });
}

const BAD_POINTS: readonly [string, Message, string][] = [
  ['a time past 2262', { gauge: { data_points: [{ time_unix_nano: TOO_LATE }] } }, 'time_unix_nano is not before'],
  [
    'a start past 2262',
    { sum: { data_points: [{ start_time_unix_nano: TOO_LATE }] } },
    'start_time_unix_nano is not before',
  ],
  [
    'three counts for one bound',
    { histogram: { data_points: [{ bucket_counts: [1, 2, 3], explicit_bounds: [1] }] } },
    'bucket_counts has 3 elements for 1 explicit bounds instead of 2',
  ],
  [
    'an exemplar of a bad trace id',
    { gauge: { data_points: [{ exemplars: [{ trace_id: SPAN_ID }] }] } },
    'exemplars.trace_id has 8 bytes instead of 16',
  ],
  [
    'an exemplar of a bad span id',
    { gauge: { data_points: [{ exemplars: [{ span_id: TRACE_ID }] }] } },
    'exemplars.span_id has 16 bytes instead of 8',
  ],
  [
    'a late exemplar',
    { gauge: { data_points: [{ exemplars: [{ time_unix_nano: TOO_LATE }] }] } },
    'exemplars.time_unix_nano is not before',
  ],
];

for (const [what, metric, problem] of BAD_POINTS) {
  test(`a data point with ${what} is rejected alone`, () => {
    const { result } = decode('metrics', requestOf('metrics', [{ gauge: { data_points: [{}, {}] } }, metric]));
    assert.deepEqual({ accepted: result.accepted, rejected: result.rejected }, { accepted: 2, rejected: 1 });
    assert.ok(result.message.startsWith(`data point 2 was rejected: ${problem}`), result.message);
  });
}

test('a request whose records are all rejected leaves nothing in the batch', () => {
  const batch = createOtlpBatch('traces');
  const before = { mark: batch.mark(), byteLength: batch.byteLength };
  const span = { name: 'bad', attributes: [{ key: 'new key', value: { string_value: 'x' } }] };
  assert.equal(batch.append(requestOf('traces', [span, span]), LIMITS).rejected, 2);
  assert.deepEqual({ mark: batch.mark(), byteLength: batch.byteLength }, before);
});

test('fields in any order give the same rows', () => {
  const span = Buffer.concat([
    field(15, 2, field(3, 0, varint(2)), field(2, 2, Buffer.from('broken'))),
    field(8, 1, Buffer.from('0900000000000000', 'hex')),
    field(9, 2, field(2, 2, field(3, 0, varint(7))), field(1, 2, Buffer.from('a'))),
    field(7, 1, Buffer.from('0400000000000000', 'hex')),
    field(2, 2, SPAN_ID),
    field(1, 2, TRACE_ID),
  ]);
  const resource = field(
    1,
    2,
    field(1, 2, encodeMessage('KeyValue', { key: 'service.name', value: { string_value: 's' } })),
  );
  const scope = field(1, 2, field(1, 2, Buffer.from('scope')));
  const payload = field(1, 2, field(3, 2, Buffer.from('url')), field(2, 2, field(2, 2, span), scope), resource);
  const [row] = decode('traces', payload).rows;
  assert.equal(row!.duration_ns, 5n);
  assert.equal(row!.status_code, 'ERROR');
  assert.equal(row!.status_message, 'broken');
  assert.equal(row!.service_name, 's');
  assert.equal(row!.scope_name, 'scope');
  assert.equal(row!.resource_schema_url, 'url');
  assert.deepEqual(row!.attributes, { a: { type: 'int', value: 7n } });
});

test('a metric whose type stands behind its points has that type', () => {
  const point = field(1, 2, field(4, 1, Buffer.alloc(8)));
  const sum = field(7, 2, point, field(3, 0, varint(1)), field(2, 0, varint(2)));
  const [row] = decode('metrics', wrap(Buffer.concat([sum, field(1, 2, Buffer.from('m'))]))).rows;
  assert.deepEqual(
    [row!.metric_name, row!.type, row!.temporality, row!.is_monotonic, row!.value],
    ['m', 'sum', 'cumulative', true, 0],
  );
});

test('of data of different types in one metric the last one counts', () => {
  const point = field(1, 2, field(3, 1, Buffer.from('0100000000000000', 'hex')));
  const metric = Buffer.concat([field(5, 2, point, point), field(7, 2, point), field(5, 2, point)]);
  const { rows } = decode('metrics', wrap(metric));
  assert.deepEqual(
    rows.map((row) => row.type),
    ['gauge'],
  );
});

test('a scalar that comes twice has its last value, and a repeated resource, scope or status is merged', () => {
  const status = (...content: Uint8Array[]) => field(15, 2, ...content);
  const span = Buffer.concat([
    field(1, 2, Buffer.alloc(5, 1)),
    field(1, 2, TRACE_ID),
    field(2, 2, SPAN_ID),
    field(5, 2, Buffer.from('first')),
    field(5, 2, Buffer.from('last')),
    status(field(2, 2, Buffer.from('why')), field(3, 0, varint(1))),
    status(field(3, 0, varint(2))),
  ]);
  const resource = (key: string) =>
    field(1, 2, field(1, 2, encodeMessage('KeyValue', { key, value: { bool_value: true } })));
  const scope = (number: number, text: string) => field(1, 2, field(number, 2, Buffer.from(text)));
  const scoped = field(2, 2, scope(1, 'name'), field(2, 2, span), scope(2, 'version'));
  const [row] = decode('traces', field(1, 2, resource('a'), scoped, resource('b'))).rows;
  assert.deepEqual([row!.span_name, row!.status_code, row!.status_message], ['last', 'ERROR', 'why']);
  assert.deepEqual([row!.scope_name, row!.scope_version], ['name', 'version']);
  assert.deepEqual(Object.keys(row!.resource_attributes as Row), ['a', 'b']);
});

test('repeated numbers are read packed, unpacked and mixed', () => {
  const counts = (...values: number[]) => values.map((value) => fixed64(value));
  const histogram = Buffer.concat([
    field(6, 1, fixed64(1)),
    field(6, 2, ...counts(2, 3)),
    field(7, 2, ...[1.5, 2.5].map(double64)),
    field(6, 1, fixed64(4)),
    field(7, 1, double64(3.5)),
  ]);
  const buckets = field(8, 2, field(2, 0, varint(300)), field(2, 2, varint(1), varint(2)), field(1, 0, varint(5)));
  const metrics = Buffer.concat([
    field(2, 2, field(9, 2, field(1, 2, histogram))),
    field(2, 2, field(10, 2, field(1, 2, buckets))),
  ]);
  const { rows } = decode('metrics', field(1, 2, field(2, 2, metrics)));
  assert.deepEqual(rows[0]!.bucket_counts, [1n, 2n, 3n, 4n]);
  assert.deepEqual(rows[0]!.explicit_bounds, [1.5, 2.5, 3.5]);
  assert.deepEqual(rows[1]!.positive_counts, [300n, 1n, 2n]);
  assert.equal(rows[1]!.positive_offset, -3);
});

test('unknown fields of every wire type are passed over at every level', () => {
  const unknown = Buffer.concat([
    field(100, 0, varint(300)),
    field(101, 1, Buffer.alloc(8)),
    field(102, 2, Buffer.from('unknown')),
    field(103, 3, field(1, 0, varint(1)), field(7, 3, field(7, 4)), field(103, 4)),
    field(104, 5, Buffer.alloc(4)),
  ]);
  const value = field(2, 2, unknown, field(1, 2, Buffer.from('v')));
  const attribute = field(9, 2, unknown, field(1, 2, Buffer.from('k')), value);
  const event = field(11, 2, unknown, field(2, 2, Buffer.from('e')));
  const span = Buffer.concat([unknown, field(1, 2, TRACE_ID), unknown, field(2, 2, SPAN_ID), attribute, event]);
  const scope = field(1, 2, unknown, field(1, 2, Buffer.from('s')));
  const payload = Buffer.concat([unknown, field(1, 2, unknown, field(2, 2, unknown, scope, field(2, 2, span)))]);
  const { rows } = decode('traces', payload);
  assert.deepEqual(rows[0]!.attributes, { k: { type: 'string', value: 'v' } });
  assert.equal((rows[0]!.events as Row[])[0]!.name, 'e');
  assert.equal(rows[0]!.scope_name, 's');
});

test('a known field with another wire type is an unknown field', () => {
  const span = Buffer.concat([
    field(1, 2, TRACE_ID),
    field(2, 2, SPAN_ID),
    field(5, 0, varint(3)),
    field(6, 5, Buffer.alloc(4, 1)),
  ]);
  const [row] = decode('traces', wrap(span)).rows;
  assert.deepEqual([row!.span_name, row!.span_kind], ['', 'UNSPECIFIED']);
});

test('of a key that comes twice in a record the first value is kept', () => {
  const attributes = [1, 2, 3].map((value) => ({ key: value === 2 ? 'b' : 'a', value: { int_value: value } }));
  const { rows } = decode(
    'traces',
    requestOf('traces', [
      { ...GOOD_SPAN, attributes },
      { ...GOOD_SPAN, attributes },
    ]),
  );
  const kept = { a: { type: 'int', value: 1n }, b: { type: 'int', value: 2n } };
  assert.deepEqual(
    rows.map((row) => row.attributes),
    [kept, kept],
  );
});

test('ids keep their zeros, in lower-case hex', () => {
  const { rows } = decode(
    'traces',
    requestOf('traces', [{ ...GOOD_SPAN, trace_id: Buffer.from(`${'00'.repeat(15)}AB`, 'hex') }]),
  );
  assert.deepEqual([rows[0]!.trace_id, rows[0]!.span_id], [`${'0'.repeat(30)}ab`, '00000000000000ff']);
});

test('a log without a time has its observed time', () => {
  const { rows } = decode('logs', requestOf('logs', [{ observed_time_unix_nano: 5 }, {}]));
  assert.deepEqual(
    rows.map((row) => [row.timestamp, row.observed_timestamp]),
    [
      [5n, 5n],
      [0n, null],
    ],
  );
});

const MALFORMED: readonly [string, Buffer, number, string][] = [
  ['a length beyond the message', wrap(Buffer.from([0x0a, 0x10, 1])), 7, 'resource_spans.scope_spans.spans.trace_id'],
  ['a varint that is cut off', wrap(Buffer.from([0x30, 0x80])), 7, 'resource_spans.scope_spans.spans.kind'],
  [
    'a fixed64 that is cut off',
    wrap(Buffer.from([0x39, 1, 2])),
    7,
    'resource_spans.scope_spans.spans.start_time_unix_nano',
  ],
  ['field number 0', wrap(Buffer.from([0x02, 0x00])), 6, 'resource_spans.scope_spans.spans'],
  ['wire type 6', Buffer.from([0x0e]), 1, 'resource_spans'],
  ['an end of a group that did not start', Buffer.from([0x0c]), 1, 'resource_spans'],
  ['a group that does not end', Buffer.from([0x0b, 0x08, 0x01]), 1, 'resource_spans'],
  ['a varint of 11 bytes', Buffer.from([0x08, ...Array(10).fill(0xff), 0x01]), 1, 'resource_spans'],
  ['a tag beyond 32 bits', Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), 0, 'ExportTraceServiceRequest'],
  [
    'text that is not UTF-8',
    wrap(Buffer.concat([field(1, 2, TRACE_ID), field(2, 2, SPAN_ID), field(5, 2, Buffer.from([0x61, 0xff]))])),
    36,
    'resource_spans.scope_spans.spans.name',
  ],
];

for (const [what, payload, offset, fieldPath] of MALFORMED) {
  test(`${what} is malformed, with its offset and field`, () => {
    assert.throws(
      () => decode('traces', payload),
      (error) => {
        assert.ok(isOpenWitError(error));
        assert.deepEqual([error.kind, error.code], ['invalid', 'MALFORMED_OTLP']);
        assert.deepEqual(error.details, { offset, field: fieldPath });
        return true;
      },
    );
  });
}

/** A log record whose body is 1 in so many lists; protobufjs does not write that deep. Per level the fields of messages. */
function nestedBody(depth: number, level: readonly number[]): Uint8Array {
  const writer = new ProtobufWriter(1024);
  const path = [1, 2, 2, 5, ...Array(depth).fill(level).flat()];
  const starts = path.map((field) => writer.begin(field));
  writer.varint(3, 1n);
  for (const start of starts.reverse()) writer.end(start);
  return writer.finish();
}

const NESTED: readonly [string, (depth: number) => Uint8Array, ((depth: number) => string)?][] = [
  ['arrays', (depth) => nestedBody(depth, [5, 1]), (depth) => `${'['.repeat(depth)}1${']'.repeat(depth)}`],
  ['maps', (depth) => nestedBody(depth, [6, 1, 2]), (depth) => `${'{"":'.repeat(depth)}1${'}'.repeat(depth)}`],
  ['groups', (depth) => Buffer.concat([Buffer.alloc(depth, 0x0b), Buffer.alloc(depth, 0x0c)])],
];

for (const [what, payload, json] of NESTED) {
  test(`${what} are read 99 levels deep, and malformed 101 levels deep`, () => {
    const batch = createOtlpBatch('logs');
    batch.append(payload(99), { maxRecords: 1 });
    assert.deepEqual(
      rowsOf(batch).map((row) => row.body),
      json === undefined ? [] : [json(99)],
    );
    assert.throws(
      () => batch.append(payload(101), { maxRecords: 2 }),
      (error) => isOpenWitError(error) && error.code === 'MALFORMED_OTLP',
    );
  });
}

function fullError(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.ok(isOpenWitError(error));
    return `${error.kind}/${error.code}/${error.details.reason}`;
  }
  return 'nothing thrown';
}

test('a batch that is full says so, and a request that no batch takes is too large', () => {
  const spans = requestOf('traces', Array(10).fill(GOOD_SPAN));
  const batch = createOtlpBatch('traces');
  assert.equal(
    fullError(() => batch.append(spans, { maxRecords: 9 })),
    'invalid/REQUEST_TOO_LARGE/too many records',
  );
  assert.equal(
    fullError(() => batch.append(spans, { maxRecords: 99, maxBytes: 500 })),
    'invalid/REQUEST_TOO_LARGE/too many bytes',
  );
  batch.append(spans, { maxRecords: 10 });
  assert.equal(
    fullError(() => batch.append(spans, { maxRecords: 19 })),
    'overloaded/OVERLOADED/too many records',
  );
  assert.equal(
    fullError(() => batch.append(spans, { maxRecords: 99, maxBytes: 1500 })),
    'overloaded/OVERLOADED/too many bytes',
  );
  assert.equal(batch.rows, 10);
});

test('hostile attribute keys stop at a limit, and the batch is whole afterwards', () => {
  const withKeys = (prefix: string, count: number) =>
    requestOf('traces', [
      { ...GOOD_SPAN, attributes: Array.from({ length: count }, (_, i) => ({ key: `${prefix}${i}` })) },
    ]);
  const batch = createOtlpBatch('traces');
  assert.equal(
    fullError(() => batch.append(withKeys('a', MAX_ATTRIBUTE_KEYS), LIMITS)),
    'invalid/REQUEST_TOO_LARGE/too many keys',
  );
  batch.append(withKeys('b', MAX_ATTRIBUTE_KEYS - 1), LIMITS);
  assert.equal(
    fullError(() => batch.append(withKeys('c', 1), LIMITS)),
    'overloaded/OVERLOADED/too many keys',
  );
  assert.equal(batch.append(withKeys('b', 5), LIMITS).accepted, 1);
  assert.equal(Object.keys(rowsOf(batch)[1]!.attributes as Row).length, 5);
});

test('a small request cannot unpack into more memory than the limit allows', () => {
  const points = field(5, 2, Buffer.concat(Array(200_000).fill(field(1, 2))));
  const batch = createOtlpBatch('metrics');
  const limits = { maxRecords: 10_000_000, maxBytes: 1024 * 1024 };
  assert.equal(
    fullError(() => batch.append(wrap(points), limits)),
    'invalid/REQUEST_TOO_LARGE/too many bytes',
  );
  assert.equal(batch.rows, 0);
});

function fixed64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function double64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

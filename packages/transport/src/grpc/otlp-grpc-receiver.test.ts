import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { OpenWitError, SIGNALS, type Signal } from '@openwit/ports';
import type { ReceiverOptions } from '../receive/receiver-options.ts';
import { expectedRows } from '../testing/expected-rows.ts';
import { decodeMessage, encodeRequest, type Message } from '../testing/otlp-proto.ts';
import { RandomRequests } from '../testing/random-requests.ts';
import { RecordingSink } from '../testing/recording-sink.ts';
import { until } from '../testing/until.ts';
import { WatchedClock } from '../testing/watched-clock.ts';
import { OtlpGrpcReceiver } from './otlp-grpc-receiver.ts';

const PATHS: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
};
const GOOD_SPAN = { trace_id: Buffer.alloc(16, 1), span_id: Buffer.alloc(8, 1) };
const traces = (...spans: Message[]) => encodeRequest('traces', { resource_spans: [{ scope_spans: [{ spans }] }] });
const MIB = 1024 * 1024;

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** `grpc-status`, wherever it stands. */
  readonly status: number;
  readonly isTrailersOnly: boolean;
}

interface Started {
  readonly sink: RecordingSink;
  readonly clock: WatchedClock;
  readonly receiver: OtlpGrpcReceiver;
  readonly session: ClientHttp2Session;
  call(path: string, body: Uint8Array, headers?: Record<string, string | string[]>): Promise<Answer>;
}

async function start(t: TestContext, options: ReceiverOptions = {}): Promise<Started> {
  const sink = new RecordingSink();
  const clock = new WatchedClock();
  const receiver = new OtlpGrpcReceiver({ sink, clock }, { port: 0, ...options });
  const { port } = await receiver.start();
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  t.after(async () => {
    session.close();
    await receiver.stop();
  });
  return { sink, clock, receiver, session, call: (path, body, headers) => call(session, path, body, headers) };
}

async function call(
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array,
  headers: Record<string, string | string[]> = {},
): Promise<Answer> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => {});
  const chunks: Buffer[] = [];
  let trailers: IncomingHttpHeaders = {};
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('trailers', (received) => (trailers = received));
  stream.end(body);
  const [responseHeaders] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  await once(stream, 'close');
  const isTrailersOnly = responseHeaders['grpc-status'] !== undefined;
  const status = Number(responseHeaders['grpc-status'] ?? trailers['grpc-status']);
  return { headers: responseHeaders, trailers, body: Buffer.concat(chunks), status, isTrailersOnly };
}

function frame(message: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.from([isCompressed ? 1 : 0, 0, 0, 0, 0]);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** `grpc-status-details-bin`, with the delay of its RetryInfo in milliseconds. */
function detailsOf({ headers }: Answer): { code: number; message: string; retryMs: number | undefined } {
  const status = decodeMessage('Status_', Buffer.from(String(headers['grpc-status-details-bin']), 'base64'));
  const [detail] = status.details;
  if (detail === undefined) return { code: status.code, message: status.message, retryMs: undefined };
  assert.equal(detail.type_url, 'type.googleapis.com/google.rpc.RetryInfo');
  const { retry_delay: wait } = decodeMessage('RetryInfo', detail.value);
  return { code: status.code, message: status.message, retryMs: Number(wait.seconds) * 1000 + (wait.nanos ?? 0) / 1e6 };
}

for (const signal of SIGNALS) {
  test(`${signal} arrive, plain and compressed`, async (t) => {
    const { sink, call } = await start(t);
    const payload = new RandomRequests(2).next(signal);
    const calls: [string | undefined, Buffer][] = [
      [undefined, frame(payload)],
      ['gzip', frame(payload)],
      ['gzip', frame(gzipSync(payload), true)],
      ['deflate', frame(deflateSync(payload), true)],
      ['zstd', frame(zstdCompressSync(payload), true)],
    ];
    for (const [encoding, body] of calls) {
      const answer = await call(PATHS[signal], body, encoding === undefined ? {} : { 'grpc-encoding': encoding });
      assert.deepEqual([answer.headers[':status'], answer.status, answer.isTrailersOnly], [200, 0, false], encoding);
      assert.deepEqual(answer.body, frame(new Uint8Array(0)));
    }
    for (const request of sink.requests) {
      assert.deepEqual([request.tenant, request.signal], ['default', signal]);
    }
    assert.deepEqual(
      sink.rows,
      calls.flatMap(() => expectedRows(signal, payload)),
    );
  });
}

test('a large message that comes in many pieces is whole', async (t) => {
  const { sink, call } = await start(t);
  const payload = traces(...Array(60_000).fill(GOOD_SPAN));
  assert.equal((await call(PATHS.traces, frame(payload))).status, 0);
  assert.deepEqual(sink.requests[0]!.payload, payload);
});

test('a partial success tells how many records were rejected and why', async (t) => {
  const { call } = await start(t);
  const { body, status } = await call(PATHS.traces, frame(traces(GOOD_SPAN, { span_id: GOOD_SPAN.span_id })));
  assert.equal(status, 0);
  assert.deepEqual(decodeMessage('ExportServiceResponse', body.subarray(5)), {
    partial_success: { rejected: '1', error_message: 'span 1 was rejected: trace_id has 0 bytes instead of 16' },
  });
});

test('the tenant comes from the metadata, and only when it is one tenant', async (t) => {
  const { sink, call } = await start(t);
  assert.equal((await call(PATHS.logs, frame(new Uint8Array(0)), { 'x-scope-orgid': 'acme' })).status, 0);
  assert.equal(sink.requests[0]!.tenant, 'acme');
  for (const tenant of ['no/tenant', ['a', 'b']]) {
    assert.equal((await call(PATHS.logs, frame(new Uint8Array(0)), { 'x-scope-orgid': tenant })).status, 3);
  }
});

test('a tenant of kilobytes is INVALID_ARGUMENT, in headers that clients take', async (t) => {
  const { call } = await start(t);
  const answer = await call(PATHS.logs, frame(new Uint8Array(0)), { 'x-scope-orgid': '%'.repeat(7000) });
  assert.deepEqual([answer.status, detailsOf(answer).code], [3, 3]);
  const size = Object.entries(answer.headers).reduce((sum, [name, value]) => sum + name.length + `${value}`.length, 0);
  assert.ok(size < 4096, `${size} bytes`);
});

const UNDECODABLE: readonly [string, Uint8Array, Record<string, string>][] = [
  ['bytes that are no OTLP', frame(Uint8Array.of(0x0a, 9)), {}],
  ['no message', new Uint8Array(0), {}],
  ['half a prefix', Uint8Array.of(0, 0, 0), {}],
  ['a message shorter than announced', frame(traces(GOOD_SPAN)).subarray(0, 20), {}],
  ['two messages', Buffer.concat([frame(traces()), frame(traces(GOOD_SPAN))]), {}],
  ['an unknown compression flag', Uint8Array.of(7, 0, 0, 0, 0), {}],
  ['a compressed message without an encoding', frame(gzipSync(traces()), true), {}],
  ['a compressed message that is not', frame(traces(GOOD_SPAN), true), { 'grpc-encoding': 'gzip' }],
];

for (const [what, body, headers] of UNDECODABLE) {
  test(`${what} is INVALID_ARGUMENT, and not to be tried again`, async (t) => {
    const { call } = await start(t);
    const answer = await call(PATHS.traces, body, headers);
    assert.deepEqual([answer.headers[':status'], answer.status, answer.isTrailersOnly], [200, 3, true]);
    assert.deepEqual([detailsOf(answer).code, detailsOf(answer).retryMs], [3, undefined]);
  });
}

test('methods, types and encodings that there are not have their own answers', async (t) => {
  const { call, session } = await start(t);
  assert.equal((await call('/opentelemetry.proto.collector.trace.v1.TraceService/Import', frame(traces()))).status, 12);
  const encoding = await call(PATHS.traces, frame(traces()), { 'grpc-encoding': 'br' });
  assert.deepEqual([encoding.status, encoding.headers['grpc-accept-encoding']], [12, 'identity,gzip,deflate,zstd']);
  assert.equal(
    (await call(PATHS.traces, frame(traces()), { 'content-type': 'application/json' })).headers[':status'],
    415,
  );
  assert.equal((await call(PATHS.traces, frame(traces()), { 'content-type': 'application/grpc+proto' })).status, 0);
  const get = session.request({ ':path': PATHS.traces });
  get.on('error', () => {});
  const [headers] = await once(get, 'response');
  assert.equal(headers[':status'], 405);
});

test('a message that is too large, or unpacks to be, is RESOURCE_EXHAUSTED without RetryInfo', async (t) => {
  const { sink, call } = await start(t, { maxRequestBytes: MIB });
  const large = new Uint8Array(2 * MIB);
  for (const [body, headers] of [
    [frame(large), {}],
    [frame(gzipSync(large), true), { 'grpc-encoding': 'gzip' }],
  ] as const) {
    const answer = await call(PATHS.traces, body, headers);
    assert.deepEqual([answer.status, answer.isTrailersOnly, detailsOf(answer).retryMs], [8, true, undefined]);
  }
  assert.equal((await call(PATHS.traces, frame(traces()))).status, 0);
  assert.equal(sink.requests.length, 1);
});

const SINK_ERRORS: readonly [unknown, number, number | undefined][] = [
  [new OpenWitError('overloaded', 'OVERLOADED', 'full'), 14, 1000],
  [new OpenWitError('overloaded', 'OVERLOADED', 'full', { retryAfterMs: 2500 }), 14, 2500],
  [new OpenWitError('overloaded', 'RATE_LIMITED', 'slow down', { retryAfterMs: 5000 }), 8, 5000],
  [new OpenWitError('unavailable', 'WAL_UNAVAILABLE', 'fsync failed'), 14, 1000],
  [new OpenWitError('closed', 'CLOSED', 'größe 100 %'), 14, 1000],
  [new OpenWitError('invalid', 'REQUEST_TOO_LARGE', 'too many records'), 8, undefined],
  [new Error('a bug'), 14, 1000],
];

for (const [error, status, retryMs] of SINK_ERRORS) {
  const name = error instanceof OpenWitError ? `${error.code} (${error.retryAfterMs ?? 'no'} ms)` : 'unknown error';
  test(`the sink's ${name} is status ${status} with RetryInfo ${retryMs}, as Trailers-Only`, async (t) => {
    const { sink, call } = await start(t);
    sink.error = error;
    const answer = await call(PATHS.metrics, frame(new Uint8Array(0)));
    const message = error instanceof OpenWitError ? error.message : 'internal error';
    assert.deepEqual([answer.status, answer.isTrailersOnly], [status, true]);
    assert.deepEqual(detailsOf(answer), { code: status, message, retryMs });
    assert.equal(decodeURIComponent(String(answer.headers['grpc-message'])), message);
  });
}

test('pressure is absorbed for a bounded moment, then UNAVAILABLE; who waits is taken when there is room', async (t) => {
  const { sink, clock, call } = await start(t, { maxRequestBytes: 100, maxInFlightBytes: 200 });
  let open = () => {};
  sink.gate = new Promise<void>((resolve) => (open = resolve));
  const payload = traces({ ...GOOD_SPAN, name: 'x'.repeat(40) });
  const first = call(PATHS.traces, frame(payload));
  const second = call(PATHS.traces, frame(payload));
  await until(() => sink.requests.length === 2);
  const refused = call(PATHS.traces, frame(payload));
  await until(() => clock.pending === 2);
  clock.advance(1000);
  const answer = await refused;
  assert.deepEqual([answer.status, detailsOf(answer).retryMs], [14, 1000]);
  const patient = call(PATHS.traces, frame(payload));
  await until(() => clock.pending === 2);
  open();
  assert.deepEqual([(await first).status, (await second).status, (await patient).status], [0, 0, 0]);
});

test('a call that is not answered by its deadline is DEADLINE_EXCEEDED', async (t) => {
  const { sink, clock, call } = await start(t);
  let open = () => {};
  sink.gate = new Promise<void>((resolve) => (open = resolve));
  const answer = call(PATHS.traces, frame(traces()), { 'grpc-timeout': '250m' });
  await until(() => sink.requests.length === 1);
  clock.advance(250);
  assert.equal((await answer).status, 4);
  open();
});

test('a client that goes away in the middle of a message gives back what it had', async (t) => {
  const { sink, session, call } = await start(t, { maxRequestBytes: MIB, maxInFlightBytes: 2 * MIB, maxWaitMs: 0 });
  for (let i = 0; i < 5; i++) {
    const stream = session.request({ ':method': 'POST', ':path': PATHS.traces, 'content-type': 'application/grpc' });
    stream.on('error', () => {});
    stream.write(frame(new Uint8Array(MIB)).subarray(0, 1000));
    await delay(20);
    stream.close(constants.NGHTTP2_CANCEL);
    await delay(20);
  }
  assert.equal((await call(PATHS.traces, frame(traces(GOOD_SPAN)))).status, 0);
  assert.equal(sink.requests.length, 1);
});

test('a message that does not come to its end in time is refused', async (t) => {
  const { clock, session } = await start(t, { requestTimeoutMs: 5000 });
  const stream = session.request({ ':method': 'POST', ':path': PATHS.traces, 'content-type': 'application/grpc' });
  stream.on('error', () => {});
  stream.write(frame(new Uint8Array(100)).subarray(0, 10));
  await until(() => clock.pending > 0);
  clock.advance(5000);
  const [headers] = await once(stream, 'response');
  assert.equal(headers['grpc-status'], '14');
});

test('stopping says so to the client, answers what is under way, and frees the port', async (t) => {
  const { sink, receiver, session, call } = await start(t);
  let open = () => {};
  sink.gate = new Promise<void>((resolve) => (open = resolve));
  const underWay = call(PATHS.traces, frame(traces(GOOD_SPAN)));
  await until(() => sink.requests.length === 1);
  const goneAway = once(session, 'goaway');
  const stopped = receiver.stop();
  await goneAway;
  open();
  assert.equal((await underWay).status, 0);
  await stopped;
  await receiver.stop();
});

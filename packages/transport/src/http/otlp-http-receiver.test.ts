import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { isOpenWitError, OpenWitError, SIGNALS } from '@openwit/ports';
import type { ReceiverOptions } from '../receive/receiver-options.ts';
import { expectedRows } from '../testing/expected-rows.ts';
import { decodeMessage, encodeRequest, type Message } from '../testing/otlp-proto.ts';
import { RandomRequests } from '../testing/random-requests.ts';
import { RecordingSink } from '../testing/recording-sink.ts';
import { until } from '../testing/until.ts';
import { WatchedClock } from '../testing/watched-clock.ts';
import { OtlpHttpReceiver } from './otlp-http-receiver.ts';

const GOOD_SPAN = { trace_id: Buffer.alloc(16, 1), span_id: Buffer.alloc(8, 1) };
const traces = (...spans: Message[]) => encodeRequest('traces', { resource_spans: [{ scope_spans: [{ spans }] }] });
const PROTOBUF = { 'content-type': 'application/x-protobuf' };
const JSON_TYPE = { 'content-type': 'application/json' };
const MIB = 1024 * 1024;

interface Started {
  readonly sink: RecordingSink;
  readonly clock: WatchedClock;
  readonly receiver: OtlpHttpReceiver;
  readonly port: number;
  post(path: string, body: string | Uint8Array<ArrayBuffer>, headers?: Record<string, string>): Promise<Response>;
}

async function start(t: TestContext, options: ReceiverOptions = {}): Promise<Started> {
  const sink = new RecordingSink();
  const clock = new WatchedClock();
  const receiver = new OtlpHttpReceiver({ sink, clock }, { port: 0, ...options });
  const { host, port } = await receiver.start();
  t.after(() => receiver.stop());
  const post: Started['post'] = (path, body, headers = PROTOBUF) =>
    fetch(`http://${host}:${port}${path}`, { method: 'POST', body, headers });
  return { sink, clock, receiver, port, post };
}

async function statusOf(response: Response): Promise<Message> {
  assert.equal(response.headers.get('content-type'), 'application/x-protobuf');
  return decodeMessage('Status_', new Uint8Array(await response.arrayBuffer()));
}

for (const signal of SIGNALS) {
  test(`${signal} arrive in protobuf, plain and compressed`, async (t) => {
    const { sink, post } = await start(t);
    const payload = new RandomRequests(1).next(signal);
    const bodies: [string, Uint8Array<ArrayBuffer>][] = [
      ['identity', payload],
      ['gzip', gzipSync(payload)],
      ['deflate', deflateSync(payload)],
      ['deflate', deflateRawSync(payload)],
      ['zstd', zstdCompressSync(payload)],
    ];
    for (const [encoding, body] of bodies) {
      const response = await post(`/v1/${signal}`, body, { ...PROTOBUF, 'content-encoding': encoding });
      assert.equal(response.status, 200, encoding);
      assert.deepEqual(decodeMessage('ExportServiceResponse', new Uint8Array(await response.arrayBuffer())), {});
    }
    for (const request of sink.requests) {
      assert.deepEqual([request.tenant, request.signal], ['default', signal]);
      assert.deepEqual(request.payload, payload);
    }
    assert.deepEqual(
      sink.rows,
      bodies.flatMap(() => expectedRows(signal, payload)),
    );
  });
}

test('JSON is answered in JSON, with the partial success when records were rejected', async (t) => {
  const { sink, post } = await start(t);
  const span = { traceId: '01'.repeat(16), spanId: '02'.repeat(8) };
  const body = (...spans: unknown[]) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
  const type = { 'content-type': 'application/json; charset=utf-8' };
  const good = await post('/v1/traces', body(span), type);
  assert.deepEqual([good.status, good.headers.get('content-type'), await good.json()], [200, 'application/json', {}]);
  const partial = await post('/v1/traces', body(span, { ...span, spanId: '00' }), type);
  const errorMessage = 'span 1 was rejected: span_id has 1 bytes instead of 8';
  assert.equal(partial.status, 200);
  assert.deepEqual(await partial.json(), { partialSuccess: { rejectedSpans: '1', errorMessage } });
  assert.equal(sink.rows.length, 2);
});

test('JSON that a thread converts is taken as a small one is, plain and compressed', async (t) => {
  const { sink, receiver, post } = await start(t);
  const span = { traceId: '01'.repeat(16), spanId: '02'.repeat(8), name: 'x'.repeat(1000) };
  const json = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: Array(200).fill(span) }] }] });
  assert.equal((await post('/v1/traces', json, JSON_TYPE)).status, 200);
  const packed = await post('/v1/traces', gzipSync(json), { ...JSON_TYPE, 'content-encoding': 'gzip' });
  assert.deepEqual([packed.status, sink.rows.length, sink.rows[399]!.span_name], [200, 400, span.name]);
  const malformed = await post('/v1/traces', json.slice(0, -1), JSON_TYPE);
  assert.equal(malformed.status, 400);
  assert.match(((await malformed.json()) as { message: string }).message, new RegExp(`offset=${json.length - 1}$`));
  await receiver.stop();
});

test('a partial success in protobuf tells how many records were rejected and why', async (t) => {
  const { post } = await start(t);
  const response = await post('/v1/traces', traces(GOOD_SPAN, { ...GOOD_SPAN, span_id: Buffer.alloc(3, 1) }));
  assert.deepEqual(decodeMessage('ExportServiceResponse', new Uint8Array(await response.arrayBuffer())), {
    partial_success: { rejected: '1', error_message: 'span 1 was rejected: span_id has 3 bytes instead of 8' },
  });
});

test('a body of unknown length is taken', async (t) => {
  const { sink, port } = await start(t);
  const payload = traces(...Array(5000).fill(GOOD_SPAN));
  const request = httpRequest({ port, path: '/v1/traces', method: 'POST', headers: PROTOBUF });
  for (let at = 0; at < payload.length; at += 10_000) request.write(payload.subarray(at, at + 10_000));
  request.end();
  const [response] = await once(request, 'response');
  response.resume();
  assert.equal(response.statusCode, 200);
  assert.deepEqual(sink.requests[0]!.payload, payload);
});

test('the tenant comes from the header, and only when it is a tenant', async (t) => {
  const { sink, post } = await start(t, { tenantHeader: 'X-Tenant' });
  assert.equal((await post('/v1/traces', traces(), { ...PROTOBUF, 'x-tenant': 'acme' })).status, 200);
  assert.equal(sink.requests[0]!.tenant, 'acme');
  for (const tenant of ['../etc', 'a,b', 'a, b', '']) {
    const response = await post('/v1/traces', traces(), { ...PROTOBUF, 'x-tenant': tenant });
    assert.deepEqual([response.status, (await statusOf(response)).code], [400, 3], tenant);
  }
});

test('two tenants in one request are refused', async (t) => {
  const { sink, port } = await start(t);
  const request = httpRequest({
    port,
    path: '/v1/traces',
    method: 'POST',
    headers: { ...PROTOBUF, 'x-scope-orgid': ['a', 'b'] },
  });
  request.end();
  const [response] = await once(request, 'response');
  response.resume();
  assert.deepEqual([response.statusCode, sink.requests.length], [400, 0]);
});

test('malformed requests are 400, with offset and field, in the encoding of the request', async (t) => {
  const { post } = await start(t);
  const response = await post('/v1/traces', Uint8Array.of(0x0a, 0x05, 1));
  assert.equal(response.status, 400);
  const status = await statusOf(response);
  assert.equal(status.code, 3);
  assert.match(status.message, /field=`resource_spans`, offset=1$/);
  const json = await post('/v1/traces', '{', JSON_TYPE);
  assert.deepEqual([json.status, json.headers.get('content-type')], [400, 'application/json']);
  assert.equal(((await json.json()) as { code: number }).code, 3);
  const broken = await post('/v1/traces', Uint8Array.of(1, 2, 3), { ...PROTOBUF, 'content-encoding': 'gzip' });
  assert.equal(broken.status, 400);
});

test('paths, methods, types and encodings that there are not have their own answers', async (t) => {
  const { port, post } = await start(t);
  assert.equal((await post('/v1/spans', traces())).status, 404);
  const get = await fetch(`http://127.0.0.1:${port}/v1/traces`);
  assert.deepEqual([get.status, get.headers.get('allow')], [405, 'POST']);
  assert.equal((await post('/v1/traces', traces(), { 'content-type': 'text/plain' })).status, 415);
  assert.equal((await post('/v1/traces', traces(), { ...PROTOBUF, 'content-encoding': 'br' })).status, 415);
  assert.equal((await post('/v1/traces?x=1', traces())).status, 200);
});

test('a request target may name the host, and one that is no URL is answered', async (t) => {
  const { port } = await start(t);
  for (const [path, status] of [
    ['http://any.host/v1/traces', 200],
    ['http://any.host:4318/v1/traces?x=1', 200],
    ['http://any.host', 404],
    ['//', 404],
    ['http://[', 404],
  ] as const) {
    const request = httpRequest({ port, path, method: 'POST', headers: PROTOBUF }).end();
    const [response] = await once(request, 'response');
    response.resume();
    assert.equal(response.statusCode, status, path);
  }
});

test('a request that is too large is 413 without Retry-After: announced, unannounced, or once it is unpacked', async (t) => {
  const { sink, port, post } = await start(t, { maxRequestBytes: MIB });
  const large = new Uint8Array(MIB + 1);
  assert.equal((await post('/v1/traces', large)).status, 413);
  const packed = await post('/v1/traces', gzipSync(large), { ...PROTOBUF, 'content-encoding': 'gzip' });
  assert.deepEqual([packed.status, packed.headers.get('retry-after')], [413, null]);
  const request = httpRequest({ port, path: '/v1/traces', method: 'POST', headers: PROTOBUF });
  request.end(large);
  const [response] = await once(request, 'response');
  assert.equal(response.statusCode, 413);
  assert.equal(sink.requests.length, 0);
});

const REFUSALS: readonly [string, number, string, Record<string, string>][] = [
  ['a tenant that is none', 400, '/v1/traces', { ...PROTOBUF, 'x-scope-orgid': '..' }],
  ['an encoding that is unknown', 415, '/v1/traces', { ...PROTOBUF, 'content-encoding': 'br' }],
  ['a type that is unknown', 415, '/v1/traces', { 'content-type': 'text/plain' }],
  ['a path that is unknown', 404, '/v1/spans', PROTOBUF],
  ['a size beyond the limit', 413, '/v1/traces', PROTOBUF],
];

for (const [what, status, path, headers] of REFUSALS) {
  test(`a client reads that ${what} is refused although it has megabytes to send`, async (t) => {
    const { port, post } = await start(t, { maxRequestBytes: 4 * MIB });
    const body = new Uint8Array(6 * MIB);
    for (let i = 0; i < 5; i++) {
      assert.equal((await post(path, body, headers)).status, status);
      const request = httpRequest({ port, path, method: 'POST', headers: { ...headers, 'content-length': 6 * MIB } });
      request.end(body);
      const [response] = await once(request, 'response');
      response.resume();
      await once(response, 'end');
      assert.equal(response.statusCode, status);
    }
  });
}

test('what a refused client goes on sending is read for a bounded time, and up to a bounded size', async (t) => {
  const { clock, port } = await start(t, { maxRequestBytes: MIB, requestTimeoutMs: 5000 });
  const refused = async () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST /v1/nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n');
    const [answer] = await once(socket, 'data');
    assert.match(String(answer), /^HTTP\/1\.1 404/);
    return socket;
  };
  const slow = await refused();
  clock.advance(5000);
  await closed(slow);
  const endless = await refused();
  const write = () => endless.write(Buffer.alloc(64 * 1024), (error) => error ?? write());
  write();
  await closed(endless);
});

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

test('a body without an end is not read for ever to be refused', async (t) => {
  const { port } = await start(t, { maxRequestBytes: MIB });
  const request = httpRequest({ port, path: '/v2/traces', method: 'POST', headers: PROTOBUF });
  request.on('error', () => {});
  const answered = once(request, 'response');
  const piece = new Uint8Array(64 * 1024);
  const send = () => {
    while (!request.destroyed && request.write(piece));
  };
  request.on('drain', send);
  send();
  const [response] = await answered;
  assert.equal(response.statusCode, 404);
  assert.equal(response.headers.connection, 'close');
  request.destroy();
});

test('a connection stays open between requests for as long as the option says', async (t) => {
  const { post } = await start(t, { keepAliveTimeoutMs: 12_000 });
  assert.equal((await post('/v1/traces', traces())).headers.get('keep-alive'), 'timeout=12');
});

const SINK_ERRORS: readonly [unknown, number, string | null][] = [
  [new OpenWitError('overloaded', 'OVERLOADED', 'full'), 503, '1'],
  [new OpenWitError('overloaded', 'OVERLOADED', 'full', { retryAfterMs: 2100 }), 503, '3'],
  [new OpenWitError('overloaded', 'OVERLOADED', 'full', { retryAfterMs: 60_000 }), 503, '3'],
  [new OpenWitError('overloaded', 'RATE_LIMITED', 'slow down', { retryAfterMs: 5000 }), 429, '5'],
  [new OpenWitError('unavailable', 'WAL_UNAVAILABLE', 'fsync failed'), 503, '1'],
  [new OpenWitError('closed', 'CLOSED', 'closed'), 503, '1'],
  [new OpenWitError('data', 'WAL_CORRUPTION', 'damaged'), 503, '1'],
  [new OpenWitError('invalid', 'REQUEST_TOO_LARGE', 'too many records'), 413, null],
  [new Error('a bug'), 503, '1'],
];

for (const [error, status, retryAfter] of SINK_ERRORS) {
  const name = isOpenWitError(error) ? `${error.code} (${error.retryAfterMs ?? 'no'} ms)` : 'an unknown error';
  test(`the sink's ${name} is answered with ${status} and Retry-After ${retryAfter}`, async (t) => {
    const { sink, post } = await start(t);
    sink.error = error;
    const response = await post('/v1/logs', new Uint8Array(0));
    assert.deepEqual([response.status, response.headers.get('retry-after')], [status, retryAfter]);
    const { message } = await statusOf(response);
    assert.equal(message, isOpenWitError(error) ? error.message : 'internal error');
  });
}

test('an error in JSON says when to try again, as the one in protobuf does', async (t) => {
  const { sink, post } = await start(t);
  sink.error = new OpenWitError('overloaded', 'OVERLOADED', 'full', { retryAfterMs: 2500 });
  const response = await post('/v1/logs', '{}', JSON_TYPE);
  const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '2.5s' };
  assert.deepEqual(await response.json(), { code: 14, message: 'full', details: [retryInfo] });
  sink.error = new OpenWitError('invalid', 'MALFORMED_OTLP', 'no');
  assert.deepEqual(await (await post('/v1/logs', '{}', JSON_TYPE)).json(), { code: 3, message: 'no' });
});

test('pressure is absorbed for a bounded moment, then answered', async (t) => {
  const { sink, clock, post } = await start(t, { maxConcurrentRequests: 1 });
  let open = () => {};
  sink.gate = new Promise<void>((resolve) => (open = resolve));
  const first = post('/v1/traces', traces());
  await until(() => sink.requests.length === 1);
  const second = post('/v1/traces', traces());
  await until(() => clock.pending > 0);
  clock.advance(1000);
  const refused = await second;
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '1']);
  const third = post('/v1/traces', traces());
  await until(() => clock.pending > 0);
  open();
  assert.deepEqual([(await first).status, (await third).status], [200, 200]);
});

test('bodies that are announced and do not come keep nobody out', async (t) => {
  const limits = { maxConcurrentRequests: 2, maxRequestBytes: 4 * MIB, maxInFlightBytes: 8 * MIB, maxWaitMs: 0 };
  const { port, post } = await start(t, limits);
  const slow = Array.from({ length: 20 }, () => {
    const headers = { ...PROTOBUF, 'content-length': 4 * MIB };
    const request = httpRequest({ port, path: '/v1/traces', method: 'POST', headers });
    request.on('error', () => {});
    request.write(new Uint8Array(1));
    return request;
  });
  await delay(50);
  assert.equal((await post('/v1/traces', traces())).status, 200);
  for (const request of slow) request.destroy();
});

test('a body that is longer than the room it first has comes whole', async (t) => {
  const { sink, post } = await start(t);
  const spans = traces(Buffer.alloc(5 * MIB, 7));
  assert.equal((await post('/v1/traces', spans)).status, 200);
  assert.deepEqual(Uint8Array.from(sink.requests[0]!.payload), Uint8Array.from(spans));
});

test('a client that goes away in the middle of a body gives back what it had', async (t) => {
  const { sink, port, post } = await start(t, { maxRequestBytes: MIB, maxInFlightBytes: 2 * MIB, maxWaitMs: 0 });
  for (let i = 0; i < 5; i++) {
    const request = httpRequest({
      port,
      path: '/v1/traces',
      method: 'POST',
      headers: { ...PROTOBUF, 'content-length': MIB },
    });
    request.on('error', () => {});
    request.write(new Uint8Array(1000));
    await delay(20);
    request.destroy();
    await delay(20);
  }
  assert.equal((await post('/v1/traces', new Uint8Array(0))).status, 200);
  assert.equal(sink.requests.length, 1);
});

test('a body that does not come to its end in time is refused', async (t) => {
  const { clock, port } = await start(t, { requestTimeoutMs: 5000 });
  const request = httpRequest({
    port,
    path: '/v1/traces',
    method: 'POST',
    headers: { ...PROTOBUF, 'content-length': 1000 },
  });
  request.on('error', () => {});
  request.write(new Uint8Array(10));
  await until(() => clock.pending > 0);
  clock.advance(5000);
  const [response] = await once(request, 'response');
  assert.equal(response.statusCode, 503);
  request.destroy();
});

test('stopping answers what is under way, refuses what is new, and frees the port', async (t) => {
  const { sink, receiver, port, post } = await start(t);
  const silent = connect(port, '127.0.0.1');
  await once(silent, 'connect');
  let open = () => {};
  sink.gate = new Promise<void>((resolve) => (open = resolve));
  const underWay = post('/v1/traces', traces(GOOD_SPAN));
  await until(() => sink.requests.length === 1);
  const stopped = receiver.stop();
  await assert.rejects(fetch(`http://127.0.0.1:${port}/v1/traces`, { method: 'POST' }));
  open();
  assert.equal((await underWay).status, 200);
  await stopped;
  await receiver.stop();
  const successor = new OtlpHttpReceiver({ sink }, { port });
  await successor.start();
  await successor.stop();
});

test('a request that comes on an open connection while the receiver stops is 503', async (t) => {
  const { sink, receiver, port, post } = await start(t);
  let open = () => {};
  sink.gate = new Promise<void>((resolve) => (open = resolve));
  const underWay = post('/v1/traces', traces());
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.on('data', (chunk) => (received += chunk.toString('latin1')));
  socket.write('POST /v1/traces HTTP/1.1\r\nhost: x\r\n');
  await until(() => sink.requests.length === 1);
  const stopped = receiver.stop();
  socket.write('content-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n');
  await once(socket, 'end');
  assert.match(received, /^HTTP\/1\.1 503.*retry-after: 1.*connection: close/is);
  open();
  assert.equal((await underWay).status, 200);
  await stopped;
});

test('a receiver that was never started can be stopped', async () => {
  await new OtlpHttpReceiver({ sink: new RecordingSink() }).stop();
});

const WRONG_OPTIONS: readonly ReceiverOptions[] = [
  { port: -1 },
  { port: 1.5 },
  { maxRequestBytes: 0 },
  { maxRequestBytes: MIB, maxInFlightBytes: MIB },
  { maxConcurrentRequests: 0 },
  { maxWaitMs: -1 },
  { retryAfterSeconds: 4 },
  { requestTimeoutMs: Number.NaN },
  { tenantHeader: 'not a header' },
];

for (const options of WRONG_OPTIONS) {
  test(`${JSON.stringify(options)} is an invalid configuration`, () => {
    const isInvalidConfig = (error: unknown) => isOpenWitError(error) && error.code === 'INVALID_CONFIG';
    assert.throws(() => new OtlpHttpReceiver({ sink: new RecordingSink() }, options), isInvalidConfig);
  });
}

test('a port that is taken is an invalid configuration', async (t) => {
  const { port } = await start(t);
  const second = new OtlpHttpReceiver({ sink: new RecordingSink() }, { port });
  await assert.rejects(second.start(), (error) => isOpenWitError(error) && error.code === 'INVALID_CONFIG');
});

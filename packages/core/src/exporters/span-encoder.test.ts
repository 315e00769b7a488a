import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Attributes, createTraceState, type Link, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { columnsOf, recordBatchOf } from '@openwit/ports/arrow';
import { SeededRandom } from '@openwit/ports/testing';
import { createOtlpBatch } from '@openwit/transport';
import { SpanEncoder } from './span-encoder.ts';

const SEED = 7;
const SPANS = 400;

/** Real spans of the SDK, of two resources and two scopes, with everything that a span can carry. */
function makeSpans(seed: number): ReadableSpan[] {
  const random = new SeededRandom(seed);
  const collected: ReadableSpan[] = [];
  for (const service of ['a', 'b']) {
    const exporter = new InMemorySpanExporter();
    const resource = resourceFromAttributes({ 'service.name': service, 'process.pid': 4711 });
    const provider = new TracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    for (let i = 0; i < SPANS / 2; i++) {
      const tracer = provider.getTracer(random.pick(['one', 'two']), random.pick(['1.0.0', undefined]));
      const span = tracer.startSpan(text(random), {
        kind: random.pick([SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]),
        attributes: attributes(random),
        links: random.below(5) === 0 ? [link(random)] : [],
      });
      if (random.below(3) === 0) span.addEvent(text(random), attributes(random));
      if (random.below(4) === 0) span.setStatus({ code: SpanStatusCode.ERROR, message: text(random) });
      span.end();
    }
    collected.push(...exporter.getFinishedSpans());
  }
  return collected;
}

function attributes(random: SeededRandom): Attributes {
  const made: Attributes = {};
  for (let i = random.below(9); i > 0; i--) made[`${text(random)}.${i}`] = value(random);
  return made;
}

function value(random: SeededRandom): Attributes[string] {
  const integers = [0, -1, 127, 128, 2 ** 31, -(2 ** 31), 2 ** 53, -(2 ** 53), 1e20, random.below(1e9)];
  return random.pick<Attributes[string]>([
    text(random),
    random.pick(integers),
    random.next() * 1e6,
    random.pick([Number.NaN, Number.POSITIVE_INFINITY, -0.5]),
    random.below(2) === 0,
    [text(random), text(random)],
    integers,
    [true, false],
    [],
  ]);
}

function text(random: SeededRandom): string {
  return random.pick([
    '',
    'x',
    'GET /orders/{id}',
    'Grüße',
    '日本語のテキスト',
    '👩‍🚀',
    'a'.repeat(random.below(400)),
    'é'.repeat(70),
  ]);
}

function link(random: SeededRandom): Link {
  const traceId = Buffer.from(random.bytes(16)).toString('hex');
  const spanId = Buffer.from(random.bytes(8)).toString('hex');
  const traceState = createTraceState('vendor=value,other=1');
  return {
    context: { traceId, spanId, traceFlags: 1, traceState, isRemote: random.below(2) === 0 },
    attributes: attributes(random),
  };
}

function decoded(payload: Uint8Array): unknown[] {
  const batch = createOtlpBatch('traces');
  const { rejected, accepted } = batch.append(payload, { maxRecords: 100_000 });
  assert.equal(rejected, 0);
  const rows = recordBatchOf('traces', accepted, columnsOf(recordBatchOf('traces', accepted, batch.columns())));
  return rows.toArray().map((row) => JSON.stringify(row, (_, cell) => (typeof cell === 'bigint' ? `${cell}n` : cell)));
}

test("our encoder's bytes mean what OpenTelemetry's own serialiser's mean, for every part of a span", () => {
  const spans = makeSpans(SEED);
  const theirs = decoded(ProtobufTraceSerializer.serializeRequest(spans)!);
  const ours = decoded(new SpanEncoder().encode(spans).payload);
  assert.equal(ours.length, SPANS);
  assert.deepEqual(ours.toSorted(), theirs.toSorted());
});

test('an encoder is empty again after each request', () => {
  const [first, second] = makeSpans(SEED + 1);
  const encoder = new SpanEncoder();
  encoder.encode([first!]);
  assert.deepEqual(encoder.encode([second!]), new SpanEncoder().encode([second!]));
});

test('no span is an empty request', () => {
  assert.equal(new SpanEncoder().encode([]).payload.length, 0);
});

test('a span that cannot be encoded is left out alone, and the next export is whole', () => {
  const [good] = makeSpans(SEED + 2);
  const circular: unknown[] = [];
  circular.push(circular);
  const but = (parts: object): ReadableSpan => Object.assign(Object.create(good!), parts);
  const bad = [but({ events: undefined }), but({ attributes: { circular } })];
  const encoder = new SpanEncoder();
  const { payload, error } = encoder.encode([good!, ...bad, good!]);
  assert.match(error!.message, /count=2/);
  assert.deepEqual(payload, new SpanEncoder().encode([good!, good!]).payload);
  assert.deepEqual(encoder.encode([good!]), new SpanEncoder().encode([good!]));
});

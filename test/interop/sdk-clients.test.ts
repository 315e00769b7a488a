import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import { type Attributes, type HrTime, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { OTLPLogExporter as GrpcLogs } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtoLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as GrpcMetrics } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as JsonMetrics } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtoMetrics } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as GrpcTraces } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoTraces } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchLogRecordProcessor,
  InMemoryLogRecordExporter,
  LoggerProvider,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs';
import {
  AggregationType,
  InstrumentType,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { OpenWit } from '@openwit/core';

type Wire =
  | 'in-process'
  | 'grpc'
  | 'grpc+gzip'
  | 'http/protobuf'
  | 'http/protobuf+gzip'
  | 'http/json'
  | 'http/json+gzip';
const WIRES: readonly Wire[] = [
  'in-process',
  'grpc',
  'grpc+gzip',
  'http/protobuf',
  'http/protobuf+gzip',
  'http/json',
  'http/json+gzip',
];
const SPANS = 60;

let dataDir: string;
let wit: OpenWit;
let at: { grpc?: string; http?: string };

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'openwit-interop-'));
  wit = await OpenWit.open({ dataDir });
  at = await wit.listen({ grpc: 0, http: 0 });
});
after(async () => {
  await wit.close();
  await rm(dataDir, { recursive: true, force: true });
});

for (const wire of WIRES) {
  describe(`OpenTelemetry SDK over ${wire}`, () => {
    const tenant = wire.replace(/[^a-z]/g, '-');
    const query = async (sql: string) => (await wit.query(sql, { tenant })).rows();

    test('what the span exporter sent is what SQL returns, value by value', async () => {
      const kept = new InMemorySpanExporter();
      const provider = new TracerProvider({
        resource: resourceFromAttributes({ 'service.name': 'shop', 'host.cpus': 4 }),
        spanProcessors: [
          new SimpleSpanProcessor({ exporter: kept }),
          new BatchSpanProcessor({ exporter: traceExporter(wire, tenant) }),
        ],
      });
      makeSpans(provider);
      await provider.forceFlush();
      const expected = kept.getFinishedSpans().map(spanRow);
      const rows = await query(`
        select epoch_ns(timestamp) as time, duration_ns, trace_id, span_id, parent_span_id, span_name, span_kind, status_code,
          status_message, service_name, scope_name, scope_version, to_json(attributes)::varchar as attributes,
          to_json(resource_attributes)::varchar as resource_attributes, len(events) as events, events[1].name as event,
          to_json(events[1].attributes)::varchar as event_attributes, len(links) as links, links[1].trace_id as linked
        from traces`);
      assert.equal(rows.length, SPANS);
      const bySpan = new Map(rows.map((row) => [row.span_id, row]));
      for (const span of expected) {
        const { attributes, resource_attributes, event_attributes, ...rest } = bySpan.get(span.span_id)!;
        const maps = [attributes, resource_attributes, event_attributes].map((text) =>
          text === null ? null : JSON.parse(String(text)),
        );
        assert.deepEqual({ ...rest, maps }, span);
      }
      await provider.shutdown();
    });

    test('what the log exporter sent is what SQL returns', async () => {
      const kept = new InMemoryLogRecordExporter();
      const provider = new LoggerProvider({
        resource: resourceFromAttributes({ 'service.name': 'shop' }),
        processors: [
          new SimpleLogRecordProcessor({ exporter: kept }),
          new BatchLogRecordProcessor({ exporter: logExporter(wire, tenant) }),
        ],
      });
      const logger = provider.getLogger('lines', '2.0.0');
      for (let i = 0; i < SPANS; i++) {
        logger.emit({
          severityNumber: 9 + (i % 8),
          severityText: 'INFO',
          body: `Zeile ${i} ✓`,
          attributes: { i, even: i % 2 === 0 },
        });
      }
      logger.emit({ body: { nested: { list: [1, 'two', 3.5, true] } }, eventName: 'checkout.done' });
      await provider.forceFlush();
      const rows = await query(`
        select epoch_ns(timestamp) as time, epoch_ns(observed_timestamp) as observed, severity_number, severity_text, body, body_type,
          event_name, attributes['i'] as i, attributes['even'] as even, scope_name, service_name
        from logs order by timestamp, i::int nulls last`);
      const expected = kept.getFinishedLogRecords().map((record) => ({
        time: nanos(record.hrTime),
        observed: nanos(record.hrTimeObserved),
        severity_number: record.severityNumber ?? 0,
        severity_text: record.severityText ?? '',
        body: typeof record.body === 'string' ? record.body : '{"nested":{"list":[1,"two",3.5,true]}}',
        body_type: typeof record.body === 'string' ? 'string' : 'map',
        event_name: record.eventName ?? '',
        i: record.attributes.i === undefined ? null : String(record.attributes.i),
        even: record.attributes.even === undefined ? null : String(record.attributes.even),
        scope_name: 'lines',
        service_name: 'shop',
      }));
      const order = (list: readonly object[]) =>
        list
          .map((row) => JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}` : value)))
          .toSorted();
      assert.deepEqual(order(rows), order(expected));
      await provider.shutdown();
    });

    test('what the metric exporter sent is what SQL returns, for every kind of instrument', async () => {
      const reader = new PeriodicExportingMetricReader({
        exporter: metricExporter(wire, tenant),
        exportIntervalMillis: 3_600_000,
      });
      const provider = new MeterProvider({
        resource: resourceFromAttributes({ 'service.name': 'shop' }),
        readers: [reader],
        views: [{ instrumentName: 'exponential', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
      });
      const meter = provider.getMeter('numbers');
      meter.createCounter('counter', { unit: '{request}', description: 'counted' }).add(7, { route: '/a' });
      meter.createUpDownCounter('balance').add(-3);
      meter.createGauge('gauge').record(2.5);
      const histogram = meter.createHistogram('histogram', {
        unit: 'ms',
        advice: { explicitBucketBoundaries: [1, 10, 100] },
      });
      for (const value of [0.5, 5, 50, 500]) histogram.record(value);
      const exponential = meter.createHistogram('exponential');
      for (const value of [1, 2, 4, 0]) exponential.record(value);
      await provider.forceFlush();
      const rows = await query(`
        select metric_name, type, unit, description, temporality, is_monotonic, value, sum, min, max, count,
          to_json(bucket_counts)::varchar as counts, to_json(explicit_bounds)::varchar as bounds, zero_count, attributes['route'] as route
        from metrics order by metric_name`);
      const blank = {
        unit: '',
        description: '',
        temporality: 'cumulative',
        is_monotonic: null,
        value: null,
        sum: null,
        min: null,
        max: null,
        count: null,
        counts: '[]',
        bounds: '[]',
        zero_count: null,
        route: null,
      };
      assert.deepEqual(rows, [
        { ...blank, metric_name: 'balance', type: 'sum', is_monotonic: false, value: -3 },
        {
          ...blank,
          metric_name: 'counter',
          type: 'sum',
          unit: '{request}',
          description: 'counted',
          is_monotonic: true,
          value: 7,
          route: '/a',
        },
        {
          ...blank,
          metric_name: 'exponential',
          type: 'exponential_histogram',
          sum: 7,
          min: 0,
          max: 4,
          count: 4n,
          zero_count: 1n,
        },
        { ...blank, metric_name: 'gauge', type: 'gauge', temporality: null, value: 2.5 },
        {
          ...blank,
          metric_name: 'histogram',
          type: 'histogram',
          unit: 'ms',
          sum: 555.5,
          min: 0.5,
          max: 500,
          count: 4n,
          counts: '[1,1,1,1]',
          bounds: '[1.0,10.0,100.0]',
        },
      ]);
      await provider.shutdown();
    });
  });
}

test('the metric exporter prefers the temporality that it is told', () => {
  const delta = wit.metricExporter({ temporality: 'delta' });
  const lowMemory = wit.metricExporter({ temporality: 'lowmemory' });
  assert.equal(delta.selectAggregationTemporality(InstrumentType.COUNTER), 0);
  assert.equal(delta.selectAggregationTemporality(InstrumentType.UP_DOWN_COUNTER), 1);
  assert.equal(lowMemory.selectAggregationTemporality(InstrumentType.OBSERVABLE_COUNTER), 1);
  assert.equal(wit.metricExporter().selectAggregationTemporality(InstrumentType.COUNTER), 1);
});

function makeSpans(provider: TracerProvider): void {
  const tracer = provider.getTracer('shop', '1.0.0');
  for (let i = 0; i < SPANS; i++) {
    const span = tracer.startSpan(`span ${i}`, {
      kind: [SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER][i % 5]!,
      attributes: {
        'http.route': '/orders/{id}',
        i,
        ratio: i / 7,
        ok: i % 2 === 0,
        tags: ['a', 'ü'],
        big: 2 ** 53 - 1,
      },
      links: i % 10 === 0 ? [{ context: { traceId: 'f'.repeat(32), spanId: 'e'.repeat(16), traceFlags: 1 } }] : [],
    });
    if (i % 3 === 0) span.addEvent('exception', { 'exception.message': `boom ${i}` });
    if (i % 4 === 0) span.setStatus({ code: SpanStatusCode.ERROR, message: 'failed' });
    span.end();
  }
}

const KINDS = ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const STATUSES = ['UNSET', 'OK', 'ERROR'];

function spanRow(span: ReadableSpan) {
  const [event] = span.events;
  return {
    time: nanos(span.startTime),
    duration_ns: nanos(span.endTime) - nanos(span.startTime),
    trace_id: span.spanContext().traceId,
    span_id: span.spanContext().spanId,
    parent_span_id: span.parentSpanContext?.spanId ?? null,
    span_name: span.name,
    span_kind: KINDS[span.kind],
    status_code: STATUSES[span.status.code],
    status_message: span.status.message ?? '',
    service_name: 'shop',
    scope_name: 'shop',
    scope_version: '1.0.0',
    events: BigInt(span.events.length),
    event: event?.name ?? null,
    links: BigInt(span.links.length),
    linked: span.links[0]?.context.traceId ?? null,
    maps: [
      textMap(span.attributes),
      textMap(span.resource.attributes as Attributes),
      event === undefined ? null : textMap(event.attributes ?? {}),
    ],
  };
}

function textMap(attributes: Attributes): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => {
      if (Array.isArray(value)) return [key, JSON.stringify(value)];
      return [key, String(value)];
    }),
  );
}

function nanos([seconds, rest]: HrTime): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(rest);
}

/** `compression` and the tenant's header, in the words of the wire. */
function httpOptions(wire: Wire, tenant: string, signal: string) {
  const compression = wire.endsWith('gzip') ? 'gzip' : 'none';
  return { url: `${at.http}/v1/${signal}`, headers: { 'x-scope-orgid': tenant }, compression } as never;
}

function grpcOptions(wire: Wire, tenant: string) {
  const compression = wire.endsWith('gzip') ? 'gzip' : 'none';
  const metadata = new Metadata();
  metadata.set('x-scope-orgid', tenant);
  return { url: `http://${at.grpc}`, metadata, compression } as never;
}

function traceExporter(wire: Wire, tenant: string) {
  if (wire === 'in-process') return wit.spanExporter({ tenant });
  if (wire.startsWith('grpc')) return new GrpcTraces(grpcOptions(wire, tenant));
  return wire.startsWith('http/json')
    ? new JsonTraces(httpOptions(wire, tenant, 'traces'))
    : new ProtoTraces(httpOptions(wire, tenant, 'traces'));
}

function logExporter(wire: Wire, tenant: string) {
  if (wire === 'in-process') return wit.logExporter({ tenant });
  if (wire.startsWith('grpc')) return new GrpcLogs(grpcOptions(wire, tenant));
  return wire.startsWith('http/json')
    ? new JsonLogs(httpOptions(wire, tenant, 'logs'))
    : new ProtoLogs(httpOptions(wire, tenant, 'logs'));
}

function metricExporter(wire: Wire, tenant: string) {
  if (wire === 'in-process') return wit.metricExporter({ tenant });
  if (wire.startsWith('grpc')) return new GrpcMetrics(grpcOptions(wire, tenant));
  return wire.startsWith('http/json')
    ? new JsonMetrics(httpOptions(wire, tenant, 'metrics'))
    : new ProtoMetrics(httpOptions(wire, tenant, 'metrics'));
}

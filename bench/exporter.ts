import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { OpenWit } from '@openwit/core';
import { median, startServer } from './server.ts';

const SPANS_PER_ROUND = 100_000;
const ROUNDS = 7;
const EXPORT_SIZE = 512;

/** CPU of the main thread per span with 8 attributes, and what an exporter adds to a no-op exporter. */
export interface ExporterFigures {
  readonly noopUs: number;
  readonly otlpHttpUs: number;
  readonly openWitUs: number;
  readonly otlpHttpAddsUs: number;
  readonly openWitAddsUs: number;
}

const noop: SpanExporter = {
  export: (_spans, done) => done({ code: 0 }),
  shutdown: async () => {},
  forceFlush: async () => {},
};

/** The three take turns in one process, so that the machine's mood meets them alike. */
export async function benchExporter(): Promise<ExporterFigures> {
  const dataDir = await mkdtemp(join(tmpdir(), 'openwit-bench-'));
  const wit = await OpenWit.open({ dataDir });
  const server = await startServer();
  const exporters = {
    noop,
    otlpHttp: new OTLPTraceExporter({ url: `${server.http}/v1/traces`, concurrencyLimit: SPANS_PER_ROUND }),
    openWit: wit.spanExporter(),
  };
  const taken: Record<keyof typeof exporters, number[]> = { noop: [], otlpHttp: [], openWit: [] };
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      for (const name of Object.keys(exporters) as (keyof typeof exporters)[]) {
        const us = await cpuPerSpan(exporters[name]);
        if (round > 0) taken[name].push(us); // the first round warms up
      }
    }
  } finally {
    await wit.close();
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
  const rounded = (value: number) => Number(value.toFixed(2));
  const [noopUs, otlpHttpUs, openWitUs] = [median(taken.noop), median(taken.otlpHttp), median(taken.openWit)];
  return {
    noopUs: rounded(noopUs),
    otlpHttpUs: rounded(otlpHttpUs),
    openWitUs: rounded(openWitUs),
    otlpHttpAddsUs: rounded(otlpHttpUs - noopUs),
    openWitAddsUs: rounded(openWitUs - noopUs),
  };
}

async function cpuPerSpan(exporter: SpanExporter): Promise<number> {
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize: SPANS_PER_ROUND,
    maxExportBatchSize: EXPORT_SIZE,
  });
  const resource = resourceFromAttributes({ 'service.name': 'bench' });
  const tracer = new TracerProvider({ resource, spanProcessors: [processor] }).getTracer('bench');
  const before = process.threadCpuUsage();
  for (let i = 0; i < SPANS_PER_ROUND; i++) {
    const span = tracer.startSpan('GET /api/v1/orders/{id}', { kind: 1 });
    span.setAttribute('http.request.method', 'GET');
    span.setAttribute('http.route', '/api/v1/orders/{id}');
    span.setAttribute('http.response.status_code', 200);
    span.setAttribute('user.id', `user-${i % 1000}`);
    span.setAttribute('net.peer.name', '10.0.3.7');
    span.setAttribute('thread.id', i % 64);
    span.setAttribute('cache.hit', i % 2 === 0);
    span.setAttribute('request.id', '0123456789abcdef');
    span.end();
    if (i % EXPORT_SIZE === 0) await nextTurn();
  }
  await processor.forceFlush();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / SPANS_PER_ROUND;
}

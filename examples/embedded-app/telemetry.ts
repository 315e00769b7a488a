import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { OpenWit } from '@openwit/core';

/** The app's own node, and the SDK's three providers that export into it. */
export async function startTelemetry(dataDir: string) {
  const wit = await OpenWit.open({ dataDir });
  const resource = resourceFromAttributes({ 'service.name': 'checkout', 'service.version': '1.4.2' });
  const tracing = new TracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor({ exporter: wit.spanExporter() })],
  });
  const logging = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor({ exporter: wit.logExporter() })],
  });
  const metering = new MeterProvider({
    resource,
    readers: [new PeriodicExportingMetricReader({ exporter: wit.metricExporter() })],
  });
  return {
    wit,
    tracer: tracing.getTracer('checkout'),
    logger: logging.getLogger('checkout'),
    meter: metering.getMeter('checkout'),
    /** When this resolves, what was recorded is on disk and in the result of the next query. */
    flush: () => Promise.all([tracing.forceFlush(), logging.forceFlush(), metering.forceFlush()]),
    async stop() {
      await Promise.all([tracing.shutdown(), logging.shutdown(), metering.shutdown()]);
      await wit.close();
    },
  };
}

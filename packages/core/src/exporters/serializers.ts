import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { OpenWitError } from '@openwit/ports';

export interface Serializers {
  logs(records: ReadableLogRecord[]): Uint8Array<ArrayBuffer>;
  metrics(metrics: ResourceMetrics): Uint8Array<ArrayBuffer>;
}

let loading: Promise<Serializers> | undefined;

/** OpenTelemetry's own serialisers, loaded at first use. @throws invalid / MISSING_PACKAGE */
export function serializers(): Promise<Serializers> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Serializers> {
  try {
    const { ProtobufLogsSerializer, ProtobufMetricsSerializer } = await import('@opentelemetry/otlp-transformer');
    return {
      logs: (records) => owned(ProtobufLogsSerializer.serializeRequest(records)),
      metrics: (metrics) => owned(ProtobufMetricsSerializer.serializeRequest(metrics)),
    };
  } catch (cause) {
    const message = 'the log and metric exporters need a package, install=@opentelemetry/otlp-transformer';
    throw new OpenWitError('invalid', 'MISSING_PACKAGE', message, { cause });
  }
}

/** The node takes the whole buffer over, so bytes that are a part of another buffer are copied. */
function owned(bytes: Uint8Array | undefined): Uint8Array<ArrayBuffer> {
  return bytes === undefined ? new Uint8Array(0) : Uint8Array.from(bytes);
}

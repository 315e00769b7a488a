import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { OpenWitError } from '@openwit/ports';

export interface Serializers {
  logs(records: ReadableLogRecord[]): Uint8Array;
  metrics(metrics: ResourceMetrics): Uint8Array;
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
      logs: (records) => ProtobufLogsSerializer.serializeRequest(records) ?? NOTHING,
      metrics: (metrics) => ProtobufMetricsSerializer.serializeRequest(metrics) ?? NOTHING,
    };
  } catch (cause) {
    const message = 'the log and metric exporters need a package, install=@opentelemetry/otlp-transformer';
    throw new OpenWitError('invalid', 'MISSING_PACKAGE', message, { cause });
  }
}

const NOTHING = new Uint8Array(0);

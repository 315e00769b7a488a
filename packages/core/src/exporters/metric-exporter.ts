import type {
  AggregationOption,
  AggregationTemporality,
  InstrumentType,
  PushMetricExporter,
  ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { DurableQueue, ExportCallback } from './durable-queue.ts';
import { serializers } from './serializers.ts';

export interface MetricExporterOptions {
  /**
   * `cumulative` (default), `delta`, or `lowmemory`: delta but for observable counters and up-down counters, as the
   * OpenTelemetry specification names them. A function decides by instrument.
   */
  readonly temporality?: 'cumulative' | 'delta' | 'lowmemory' | ((type: InstrumentType) => AggregationTemporality);
  /** By instrument; the SDK's default aggregation otherwise. */
  readonly aggregation?: (type: InstrumentType) => AggregationOption;
}

// The numbers and names of the SDK's enums, which are not imported so that the package stays optional.
const DELTA = 0 as AggregationTemporality;
const CUMULATIVE = 1 as AggregationTemporality;
const DEFAULT_AGGREGATION = { type: 0 } as AggregationOption;
const ALWAYS_CUMULATIVE: readonly string[] = ['UP_DOWN_COUNTER', 'OBSERVABLE_UP_DOWN_COUNTER'];
const SYNCHRONOUS: readonly string[] = ['COUNTER', 'HISTOGRAM'];

/** The SDK's metric exporter into this process's node. */
export class OpenWitMetricExporter implements PushMetricExporter {
  readonly #queue: DurableQueue;
  readonly #options: MetricExporterOptions;

  constructor(queue: DurableQueue, options: MetricExporterOptions = {}) {
    this.#queue = queue;
    this.#options = options;
  }

  export(metrics: ResourceMetrics, resultCallback: ExportCallback): void {
    this.#queue.export(async () => ({ payload: (await serializers()).metrics(metrics) }), resultCallback);
  }

  selectAggregationTemporality(type: InstrumentType): AggregationTemporality {
    const { temporality = 'cumulative' } = this.#options;
    if (typeof temporality === 'function') return temporality(type);
    if (temporality === 'cumulative' || ALWAYS_CUMULATIVE.includes(type)) return CUMULATIVE;
    return temporality === 'delta' || SYNCHRONOUS.includes(type) ? DELTA : CUMULATIVE;
  }

  selectAggregation(type: InstrumentType): AggregationOption {
    return this.#options.aggregation?.(type) ?? DEFAULT_AGGREGATION;
  }

  /** Resolves when every metric that was exported before is on disk. */
  forceFlush(): Promise<void> {
    return this.#queue.forceFlush();
  }

  /** Takes no more metrics, and resolves like {@link forceFlush}. */
  shutdown(): Promise<void> {
    return this.#queue.shutdown();
  }
}

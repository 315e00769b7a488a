import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { DurableQueue, ExportCallback } from './durable-queue.ts';
import { SpanEncoder } from './span-encoder.ts';

/** The SDK's span exporter into this process's node: for `BatchSpanProcessor`, success means on disk and queryable. */
export class OpenWitSpanExporter implements SpanExporter {
  readonly #queue: DurableQueue;
  readonly #encoder = new SpanEncoder();

  constructor(queue: DurableQueue) {
    this.#queue = queue;
  }

  export(spans: ReadableSpan[], resultCallback: ExportCallback): void {
    this.#queue.export(() => this.#encoder.encode(spans), resultCallback);
  }

  /** Resolves when every span that was exported before is on disk. */
  forceFlush(): Promise<void> {
    return this.#queue.forceFlush();
  }

  /** Takes no more spans, and resolves like {@link forceFlush}. */
  shutdown(): Promise<void> {
    return this.#queue.shutdown();
  }
}

import type { LogRecordExporter, ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { DurableQueue, ExportCallback } from './durable-queue.ts';
import { serializers } from './serializers.ts';

/** The SDK's log record exporter into this process's node. */
export class OpenWitLogExporter implements LogRecordExporter {
  readonly #queue: DurableQueue;

  constructor(queue: DurableQueue) {
    this.#queue = queue;
  }

  export(logs: ReadableLogRecord[], resultCallback: ExportCallback): void {
    this.#queue.export(async () => ({ payload: (await serializers()).logs(logs) }), resultCallback);
  }

  /** Resolves when every record that was exported before is on disk. */
  forceFlush(): Promise<void> {
    return this.#queue.forceFlush();
  }

  /** Takes no more records, and resolves like {@link forceFlush}. */
  shutdown(): Promise<void> {
    return this.#queue.shutdown();
  }
}

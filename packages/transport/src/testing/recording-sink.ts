import type { IngestRequest, IngestResult, IngestSink } from '@openwit/ports';
import { createOtlpBatch } from '../otlp/batch.ts';
import { type Row, rowsOf } from './rows-of.ts';

/** A sink that decodes what it is given, and can be told to hold back or fail. */
export class RecordingSink implements IngestSink {
  readonly requests: IngestRequest[] = [];
  readonly rows: Row[] = [];
  /** Awaited before each answer. */
  gate: Promise<unknown> = Promise.resolve();
  error: unknown;

  async ingest(request: IngestRequest): Promise<IngestResult> {
    this.requests.push({ ...request, payload: Uint8Array.from(request.payload) });
    await this.gate;
    if (this.error !== undefined) throw this.error;
    const batch = createOtlpBatch(request.signal);
    const result = batch.append(request.payload, { maxRecords: 1_000_000 });
    this.rows.push(...rowsOf(batch));
    return result;
  }
}

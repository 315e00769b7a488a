import type { BatchContext } from './batch-context.ts';
import type { Origin } from './origin.ts';
import type { RecordDecoder } from './record-decoder.ts';

/**
 * Walks `Export…ServiceRequest` → `Resource…` → `Scope…` → record. The three signals have the same field numbers up to
 * the record: 1 is the resource or scope, 2 what is below it, 3 its schema URL.
 */
export class RequestWalk {
  readonly #context: BatchContext;
  readonly #origin: Origin;
  readonly #records: RecordDecoder;

  constructor(context: BatchContext, origin: Origin, records: RecordDecoder) {
    this.#context = context;
    this.#origin = origin;
    this.#records = records;
  }

  /** Reads the request that the reader was opened on. */
  run(): void {
    const { reader } = this.#context;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x0a) this.#readResource();
      else reader.skip(tag);
    }
  }

  #readResource(): void {
    const { reader } = this.#context;
    const outer = reader.enter();
    this.#origin.resource = this.#origin.resources.entryOf(reader);
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x12) this.#readScope();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readScope(): void {
    const { reader } = this.#context;
    const outer = reader.enter();
    this.#origin.scope = this.#origin.scopes.entryOf(reader);
    const { rows } = this.#records;
    const rowsBefore = rows.length;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x12) this.#records.decode();
      else reader.skip(tag);
    }
    const bytesPerRow = this.#origin.resources.lastBytes + this.#origin.scopes.lastBytes;
    this.#context.expandedBytes += (rows.length - rowsBefore) * bytesPerRow;
    reader.leave(outer);
  }
}

import { AsyncByteQueue, RecordBatchStreamWriter } from 'apache-arrow';
import type { QueryResult } from '../query-result.ts';
import { ByteSink } from './byte-sink.ts';
import { jsonWriter } from './json-values.ts';

/**
 * `{ "columns": [{ "name", "type" }], "rows": [[…]], "stats": {…} }`, in chunks of about 64 KiB.
 *
 * Integers and decimals that a double holds exactly are numbers, others strings with all their digits; timestamps are ISO
 * 8601 in UTC with all their digits; NaN and the infinities are strings; maps and structs are objects; blobs base64.
 */
export async function* resultToJson(result: QueryResult): AsyncGenerator<Uint8Array, void, undefined> {
  const sink = new ByteSink();
  sink.bytes(Buffer.from(`{"columns":${JSON.stringify(result.columns)},"rows":[`));
  let first = true;
  for await (const batch of result) {
    const writers = batch.data.children.map((column) => jsonWriter(column, sink));
    for (let row = 0; row < batch.numRows; row++) {
      sink.ascii(first ? '[' : ',\n[');
      first = false;
      writers.forEach((write, i) => {
        if (i > 0) sink.ascii(',');
        write(row);
      });
      sink.ascii(']');
      if (sink.isFull) yield sink.take();
    }
  }
  sink.bytes(Buffer.from(`],"stats":${JSON.stringify(result.stats)}}\n`));
  yield sink.take();
}

/** One JSON object a row and line, with the values of {@link resultToJson}. */
export async function* resultToNdjson(result: QueryResult): AsyncGenerator<Uint8Array, void, undefined> {
  const sink = new ByteSink();
  const names = result.columns.map(({ name }, i) => Buffer.from(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`));
  for await (const batch of result) {
    const writers = batch.data.children.map((column) => jsonWriter(column, sink));
    for (let row = 0; row < batch.numRows; row++) {
      writers.forEach((write, i) => {
        sink.bytes(names[i]!);
        write(row);
      });
      sink.ascii('}\n');
      if (sink.isFull) yield sink.take();
    }
  }
  const rest = sink.take();
  if (rest.length > 0) yield rest;
}

/** The Arrow IPC stream format: the schema, then a chunk a record batch. */
export async function* resultToArrowStream(result: QueryResult): AsyncGenerator<Uint8Array, void, undefined> {
  const messages = new MessageQueue();
  const writer = new RecordBatchStreamWriter();
  writer.reset(messages, result.schema);
  yield messages.take();
  for await (const batch of result) {
    writer.write(batch);
    yield messages.take();
  }
  writer.close();
  yield messages.take();
}

/** Arrow's queue has no way to ask what is there now. */
class MessageQueue extends AsyncByteQueue {
  #parts: Uint8Array[] = [];

  override write(part: ArrayBufferView): void {
    this.#parts.push(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }

  take(): Uint8Array {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    return bytes;
  }
}

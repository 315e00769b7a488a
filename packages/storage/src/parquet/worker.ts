import { parentPort } from 'node:worker_threads';
import { type ErrorMessage, errorToMessage, SharedBuffers, UncountedGarbage } from '@openwit/ports';
import { encodeBatch } from './encode-batch.ts';
import type { EncodedFile, EncodeRequest, ParquetCompression } from './encode-protocol.ts';
import { Scratch } from './scratch.ts';
import { BatchWriter, wasmBytes } from './write-parquet.ts';

export interface WorkerRequest {
  readonly request: EncodeRequest;
  readonly compression: ParquetCompression;
  /** Memory of files that were written. */
  readonly returned: readonly SharedArrayBuffer[];
}

export type WorkerResponse = ({ readonly file: EncodedFile } | { readonly error: ErrorMessage }) & {
  /**
   * The thread takes no more: its memory only grows, and an extraordinary batch has made it large; or some of it was of
   * the batch that failed.
   */
  readonly isLast: boolean;
};

/** About ten times what ordinary batches take. */
const MOST_WASM_BYTES = 256 * 1024 * 1024;
/** Of files: of two ordinary ones, of which one is being written. */
const MOST_IDLE_BYTES = 64 * 1024 * 1024;

const memory = new Scratch();
/**
 * Files go to the main thread in shared memory, and that comes back. Plain buffers, though they were moved, counted
 * against the heap of both threads: V8 collected all of it for every file, which took a tenth of the CPU of ingest.
 */
const fileBuffers = new SharedBuffers(MOST_IDLE_BYTES);
const garbage = new UncountedGarbage();
const writer = new BatchWriter(fileBuffers);

function encode({ request, compression }: WorkerRequest): EncodedFile {
  const encoded = encodeBatch(request, memory);
  const parquet = writer.toParquet(encoded, compression);
  const { newColumns, attributeColumnIds, emptyColumns, columnStats, minTimestampNs, maxTimestampNs } = encoded;
  const facts = { newColumns, attributeColumnIds, emptyColumns, columnStats, minTimestampNs, maxTimestampNs };
  return { ...facts, ...parquet };
}

parentPort!.on('message', (message: WorkerRequest) => {
  for (const buffer of message.returned) {
    if (!fileBuffers.giveBack(new Uint8Array(buffer))) garbage.add(buffer.byteLength);
  }
  try {
    parentPort!.postMessage({ file: encode(message), isLast: wasmBytes() > MOST_WASM_BYTES } satisfies WorkerResponse);
  } catch (error) {
    // After a panic the state of the WebAssembly module is unknown: this thread must end, the pool starts another.
    if (error instanceof Error && error.name === 'RuntimeError') throw error;
    parentPort!.postMessage({ error: errorToMessage(error), isLast: true } satisfies WorkerResponse);
  } finally {
    memory.reset();
  }
});

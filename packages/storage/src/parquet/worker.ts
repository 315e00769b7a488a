import { parentPort } from 'node:worker_threads';
import { type ErrorMessage, errorToMessage } from '@openwit/ports';
import { encodeBatch } from './encode-batch.ts';
import type { EncodedFile, EncodeRequest, ParquetCompression } from './encode-protocol.ts';
import { Scratch } from './scratch.ts';
import { BatchWriter, wasmBytes } from './write-parquet.ts';

export interface WorkerRequest {
  readonly request: EncodeRequest;
  readonly compression: ParquetCompression;
}

export type WorkerResponse = ({ readonly file: EncodedFile } | { readonly error: ErrorMessage }) & {
  /** The thread takes no more: its memory only grows, and an extraordinary batch has made it large. */
  readonly isLast: boolean;
};

/** About ten times what ordinary batches take. */
const MOST_WASM_BYTES = 256 * 1024 * 1024;

const isLarge = () => wasmBytes() > MOST_WASM_BYTES;

const memory = new Scratch();
const writer = new BatchWriter();

parentPort!.on('message', ({ request, compression }: WorkerRequest) => {
  try {
    const encoded = encodeBatch(request, memory);
    const { buffers, ...parquet } = writer.toParquet(encoded, compression);
    const { newColumns, attributeColumnIds, emptyColumns, columnStats, minTimestampNs, maxTimestampNs } = encoded;
    const facts = { newColumns, attributeColumnIds, emptyColumns, columnStats, minTimestampNs, maxTimestampNs };
    const file: EncodedFile = { ...facts, ...parquet };
    parentPort!.postMessage({ file, isLast: isLarge() } satisfies WorkerResponse, [...buffers]);
  } catch (error) {
    // After a panic the state of the WebAssembly module is unknown: this thread must end, the pool starts another.
    if (error instanceof Error && error.name === 'RuntimeError') throw error;
    parentPort!.postMessage({ error: errorToMessage(error), isLast: isLarge() } satisfies WorkerResponse);
  } finally {
    memory.reset();
  }
});

import type { RecordBatch } from 'apache-arrow';
import arrow from './arrow-bundle.ts';
import { MOST_KEPT_BYTES } from './scratch.ts';

/** Arrow IPC streams, one after the other in the same memory. */
export class IpcBuffer {
  #bytes = new Uint8Array(0);

  /** The batch as a stream; valid until the next call. */
  encode(batch: RecordBatch): Uint8Array {
    const pieces = new Pieces();
    const writer = new arrow.RecordBatchStreamWriter();
    writer.reset(pieces);
    writer.write(batch);
    writer.finish();
    const target = this.#bytesFor(pieces.byteLength);
    let at = 0;
    for (const piece of pieces.all) {
      target.set(piece, at);
      at += piece.length;
    }
    return target.subarray(0, at);
  }

  #bytesFor(length: number): Uint8Array {
    if (length > MOST_KEPT_BYTES) return new Uint8Array(length);
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(length);
    return this.#bytes;
  }
}

/** Takes what the writer writes, without a copy. */
class Pieces extends arrow.AsyncByteQueue {
  readonly all: Uint8Array[] = [];
  byteLength = 0;

  override write(piece: Uint8Array): void {
    this.all.push(piece);
    this.byteLength += piece.length;
  }
}

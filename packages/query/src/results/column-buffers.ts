/** A finished column of a result: Arrow's buffers, each in an ArrayBuffer of its own that a message can move. */
export interface ColumnBuffers {
  readonly length: number;
  /** Arrow's bitmap; absent when all values are valid. */
  readonly validity?: Uint8Array<ArrayBuffer>;
  readonly offsets?: Int32Array<ArrayBuffer>;
  readonly values?: Uint8Array<ArrayBuffer>;
  readonly children?: readonly ColumnBuffers[];
}

/** The buffers to move with a message that holds `columns`. */
export function transferables(columns: readonly ColumnBuffers[]): ArrayBuffer[] {
  return columns.flatMap(({ validity, offsets, values, children }) => [
    ...[validity, offsets, values].flatMap((array) => (array === undefined ? [] : [array.buffer])),
    ...transferables(children ?? []),
  ]);
}

export function byteSize(columns: readonly ColumnBuffers[]): number {
  return transferables(columns).reduce((sum, buffer) => sum + buffer.byteLength, 0);
}

/** Bytes that are appended to until they are taken. */
export class GrowingBytes {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Room for `length` more bytes: where they begin in {@link bytes}. */
  grow(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    return at;
  }

  /** Valid until the next {@link grow}. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  append(bytes: Uint8Array): void {
    const at = this.grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** What was appended, in a buffer of exactly its size; the next bytes are the first again. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#bytes.buffer.transfer(this.#length));
    this.#bytes = new Uint8Array(Math.max(1024, this.#length));
    this.#length = 0;
    return taken;
  }
}

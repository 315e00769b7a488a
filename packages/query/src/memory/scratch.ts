/** A buffer that is used again and again, as `copy_data_to_vector` takes no shared memory and wants an ArrayBuffer. */
export class Scratch {
  #bytes = new Uint8Array(16 * 1024);

  /** At least `length` zeroed or stale bytes; valid until the next call. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
    return this.#bytes;
  }

  copyOf(source: ArrayBufferView, byteStart: number, byteLength: number): ArrayBuffer {
    const bytes = this.take(byteLength);
    bytes.set(new Uint8Array(source.buffer, source.byteOffset + byteStart, byteLength));
    return bytes.buffer;
  }
}

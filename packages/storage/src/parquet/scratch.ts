const ALIGNMENT = 8;
/** What one extraordinary batch took beyond this is not kept for the next. */
export const MOST_KEPT_BYTES: number = 64 * 1024 * 1024;

/**
 * Memory for the encoding of one batch after the other. Fresh arrays for each batch would be tens of megabytes of garbage
 * a second, and the collector's work as much as the encoding's.
 */
export class Scratch {
  #block = new ArrayBuffer(0);
  #used = 0;
  #beyond = 0;

  /** Zeros, valid until {@link reset}. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const size = Math.ceil(length / ALIGNMENT) * ALIGNMENT;
    if (this.#used + size > this.#block.byteLength) {
      this.#beyond += size;
      return new Uint8Array(length);
    }
    const taken = new Uint8Array(this.#block, this.#used, length).fill(0);
    this.#used += size;
    return taken;
  }

  int32(length: number): Int32Array<ArrayBuffer> {
    const { buffer, byteOffset } = this.bytes(4 * length);
    return new Int32Array(buffer, byteOffset, length);
  }

  /** Everything that was taken is free again, and the next batch finds room for as much. */
  reset(): void {
    if (this.#beyond > 0) this.#block = new ArrayBuffer(Math.min(this.#used + this.#beyond, MOST_KEPT_BYTES));
    this.#used = 0;
    this.#beyond = 0;
  }
}

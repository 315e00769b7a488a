import duckdb from '@duckdb/node-bindings';
import { GrowingBytes } from './column-buffers.ts';
import type { Rows } from './rows.ts';

/** Collects validity: nothing is kept until the first value that isn't valid. */
export class ValidityBuilder {
  #bits: GrowingBytes | undefined;
  #length = 0;

  /** Appends the validity of these rows of a vector; returns its bitmap, null when all are valid. */
  append(vector: duckdb.Vector, rows: Rows): Uint8Array | null {
    const bitmap = duckdb.vector_get_validity(vector, Math.ceil(rows.end / 64) * 8) as Uint8Array | null;
    if (bitmap !== null && !rows.every((row) => ((bitmap[row >> 3]! >> (row & 7)) & 1) === 1)) {
      const bits = this.#start();
      this.#extend(bits, this.#length + rows.count);
      let at = this.#length;
      rows.forEach((row) => {
        if (((bitmap[row >> 3]! >> (row & 7)) & 1) === 0) bits.bytes[at >> 3]! &= ~(1 << (at & 7));
        at++;
      });
    }
    this.#length += rows.count;
    return bitmap;
  }

  take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#bits !== undefined) this.#extend(this.#bits, this.#length);
    const taken = this.#bits?.take();
    this.#bits = undefined;
    this.#length = 0;
    return taken;
  }

  #start(): GrowingBytes {
    if (this.#bits === undefined) {
      this.#bits = new GrowingBytes();
      this.#extend(this.#bits, this.#length);
    }
    return this.#bits;
  }

  #extend(bits: GrowingBytes, rows: number): void {
    const missing = Math.ceil(rows / 8) - bits.length;
    if (missing <= 0) return;
    const at = bits.grow(missing);
    bits.bytes.fill(0xff, at, at + missing);
  }
}

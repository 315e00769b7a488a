import duckdb from '@duckdb/node-bindings';

/** The validity of a chunk's rows, all valid at first. */
export class ValidityBits {
  readonly #bits: Uint8Array<ArrayBuffer>;
  #allValid = true;

  constructor(count: number) {
    this.#bits = new Uint8Array(Math.ceil(count / 64) * 8).fill(0xff);
  }

  clear(row: number): void {
    this.#bits[row >> 3]! &= ~(1 << (row & 7));
    this.#allValid = false;
  }

  write(vector: duckdb.Vector): void {
    if (this.#allValid) return;
    duckdb.vector_ensure_validity_writable(vector);
    duckdb.copy_data_to_vector_validity(vector, 0, this.#bits.buffer, 0, this.#bits.byteLength);
  }
}

/** Bit `row` of an Arrow validity bitmap; without a bitmap all are valid. */
export function isValid(validity: Uint8Array | undefined, row: number): boolean {
  return validity === undefined || ((validity[row >> 3]! >> (row & 7)) & 1) === 1;
}

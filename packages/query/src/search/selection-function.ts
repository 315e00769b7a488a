import { BIGINT, type DuckDBConnection } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { SELECTION_FUNCTION } from '../sql/table-sql.ts';
import { registerTruth } from './scalar-function.ts';

const NUMBER_BYTES = 8;

/** Rows of a file, a bit each, the lowest first. */
export function selectionOf(rows: Uint32Array, length: number): Uint8Array {
  const bits = new Uint8Array((length + 7) >> 3);
  for (let i = 0; i < rows.length; i++) bits[rows[i]! >> 3]! |= 1 << (rows[i]! & 7);
  return bits;
}

/** The function that tells by a row's number whether it was selected. Its first argument is the number of a selection. */
export class SelectionFunction {
  readonly #selections = new Map<number, Uint8Array>();
  #last = 0;

  register(connection: DuckDBConnection): void {
    const of = (input: duckdb.DataChunk, rows: number) => this.#of(input, rows);
    registerTruth(connection, { name: SELECTION_FUNCTION, parameters: [BIGINT, BIGINT], of });
  }

  /** @returns its number */
  add(selection: Uint8Array): number {
    this.#selections.set(++this.#last, selection);
    return this.#last;
  }

  remove(number: number): void {
    this.#selections.delete(number);
  }

  #of(input: duckdb.DataChunk, rows: number): Uint8Array {
    const [selected] = numbersOf(duckdb.data_chunk_get_vector(input, 0), 1);
    const bits = this.#selections.get(Number(selected));
    if (bits === undefined) throw new Error('there is no such selection');
    const numbers = numbersOf(duckdb.data_chunk_get_vector(input, 1), rows);
    return bitsAt(bits, numbers);
  }
}

function numbersOf(vector: duckdb.Vector, count: number): BigInt64Array {
  const bytes = duckdb.vector_get_data(vector, NUMBER_BYTES * count);
  return new BigInt64Array(bytes.buffer, bytes.byteOffset, count);
}

/** Of numbers below 2^32. */
function bitsAt(bits: Uint8Array, numbers: BigInt64Array): Uint8Array {
  const words = new Uint32Array(numbers.buffer, numbers.byteOffset, 2 * numbers.length);
  const found = new Uint8Array(numbers.length);
  for (let i = 0; i < found.length; i++) {
    const number = words[2 * i]!;
    found[i] = (bits[number >> 3]! >> (number & 7)) & 1;
  }
  return found;
}

import { Int64 } from './fields.ts';
import type { Int64Column, Nullable } from './fixed-columns.ts';
import type { WireReader } from './wire.ts';

/** The value of a number point or an exemplar: a oneof of a double and an int; the last one wins. */
export class NumberValue {
  kind: 'none' | 'double' | 'int' = 'none';
  readonly #bits: Int64 = new Int64();

  clear(): void {
    this.kind = 'none';
    this.#bits.clear();
  }

  readDouble(reader: WireReader): void {
    this.#bits.readFixed(reader);
    this.kind = 'double';
  }

  readInt(reader: WireReader): void {
    this.#bits.readFixed(reader);
    this.kind = 'int';
  }

  /** The value as a double; of an int the nearest one. Writes nothing when there is none. */
  writeDouble(column: Int64Column, row: number): void {
    const { lo, hi } = this.#bits;
    if (this.kind === 'int') column.setDouble(row, hi * 2 ** 32 + (lo >>> 0));
    else column.set(row, lo, hi);
  }

  /** The exact value of an int, else NULL. */
  writeInt(column: Nullable<Int64Column>, row: number): void {
    const isInt = this.kind === 'int';
    column.setValid(row, isInt);
    if (isInt) column.column.set(row, this.#bits.lo, this.#bits.hi);
    else column.column.set(row, 0, 0);
  }
}

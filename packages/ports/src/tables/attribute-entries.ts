import type { ColumnData } from './column-data.ts';

/** The parts of an attributes column by name, over the first `entries` entries. */
export interface AttributeEntries {
  /** Index into `keys` per entry. */
  readonly keyOf: Int32Array;
  readonly keys: ColumnData;
  /** Index into ATTRIBUTE_TYPES per entry. */
  readonly typeOf: Uint8Array;
  /** See {@link ColumnData}; the same bytes read as doubles are in `doubles`. */
  readonly ints: BigInt64Array;
  readonly doubles: Float64Array;
  /** The texts as a column, and its buffers. */
  readonly text: ColumnData;
  readonly textOffsets: Int32Array;
  readonly textBytes: Uint8Array;
}

export function attributeEntries(column: ColumnData): AttributeEntries {
  const [key, type, number, text] = column.children as [ColumnData, ColumnData, ColumnData, ColumnData];
  const ints = number.values as BigInt64Array;
  return {
    keyOf: key.indices!,
    keys: key.dictionary!,
    typeOf: type.values as Uint8Array,
    ints,
    doubles: new Float64Array(ints.buffer, ints.byteOffset, ints.length),
    text,
    textOffsets: text.offsets!,
    textBytes: text.values as Uint8Array,
  };
}

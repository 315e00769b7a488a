/**
 * A column of a batch in memory: Arrow's buffers as plain data, which a message carries to another thread. Over
 * `SharedArrayBuffer` it carries no copy. By type:
 *
 * - scalars: `values`, a typed array (`BigInt64Array` for timestamp_ns and int64, `BigUint64Array`, `Int32Array`,
 *   `Uint32Array`, `Float64Array`; bool is a `Uint8Array` of 0 and 1)
 * - text: `offsets` (length + 1) into `values`, UTF-8 bytes
 * - list: `offsets` into `children[0]`
 * - struct: `children`, one a field
 * - attributes: `offsets` into the entries; `children` are the keys (a dictionary column of text) and the value's
 *   `type` (bool-like `Uint8Array` of indexes into ATTRIBUTE_TYPES), `number` (int64: the int, the bits of the double,
 *   or 0 and 1 for a bool) and `text` (string; base64 of bytes; JSON of array and map; else empty)
 * - a column of a group (`per` is not `record`): `indices` into `dictionary`
 *
 * `validity` is Arrow's bitmap, least significant bit first; absent when all values are valid. Buffers may be longer
 * than `length` asks for: a writer may be appending behind it.
 */
export interface ColumnData {
  readonly length: number;
  readonly validity?: Uint8Array;
  readonly offsets?: Int32Array;
  readonly values?: ColumnValues;
  readonly children?: readonly ColumnData[];
  readonly indices?: Int32Array;
  readonly dictionary?: ColumnData;
}

export type ColumnValues = BigInt64Array | BigUint64Array | Int32Array | Uint32Array | Float64Array | Uint8Array;

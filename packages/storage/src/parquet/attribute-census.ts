import {
  ATTRIBUTE_TYPES,
  type AttributeEntries,
  type AttributeType,
  attributeEntries,
  type ColumnData,
} from '@openwit/ports';

/** What one batch holds under one attribute key. */
export interface KeyCensus {
  /** `attributes`, `resource_attributes` or `scope_attributes` */
  readonly map: string;
  readonly key: string;
  /** Rows that have the key. */
  readonly rows: number;
  /** The types that its values have. */
  readonly types: readonly AttributeType[];
  /** True when a row has the key more than once. */
  readonly repeated: boolean;
}

/**
 * Counts the keys of one attributes column.
 * @param rowsOf how many rows share value `i` of a group's column; absent when each value is a row
 */
export function attributeCensus(map: string, column: ColumnData, rowsOf?: Int32Array): readonly KeyCensus[] {
  const entries = attributeEntries(column);
  const { keys } = entries;
  const rows = new Float64Array(keys.length);
  const typeBits = new Uint8Array(keys.length);
  const repeated = new Uint8Array(keys.length);
  countKeys(entries, column.offsets!, column.length, rowsOf, { rows, typeBits, repeated });
  return textsOf(keys).map((key, k) => ({
    map,
    key,
    rows: rows[k]!,
    types: ATTRIBUTE_TYPES.filter((_, type) => (typeBits[k]! >> type) & 1),
    repeated: repeated[k] === 1,
  }));
}

interface KeyCounts {
  readonly rows: Float64Array;
  readonly typeBits: Uint8Array;
  readonly repeated: Uint8Array;
}

function countKeys(
  { keyOf, typeOf }: AttributeEntries,
  offsets: Int32Array,
  length: number,
  rowsOf: Int32Array | undefined,
  { rows, typeBits, repeated }: KeyCounts,
): void {
  const lastSeen = new Int32Array(rows.length).fill(-1);
  for (let i = 0; i < length; i++) {
    const weight = rowsOf === undefined ? 1 : rowsOf[i]!;
    for (let entry = offsets[i]!; entry < offsets[i + 1]!; entry++) {
      const key = keyOf[entry]!;
      rows[key]! += weight;
      typeBits[key]! |= 1 << typeOf[entry]!;
      if (lastSeen[key] === i) repeated[key] = 1;
      lastSeen[key] = i;
    }
  }
}

/** How many rows each value of a group has. */
export function countRows(indices: Int32Array, values: number): Int32Array {
  const counts = new Int32Array(values);
  for (let i = 0; i < indices.length; i++) counts[indices[i]!]!++;
  return counts;
}

/** The values of a short text column as strings. */
export function textsOf(column: ColumnData): string[] {
  const { buffer, byteOffset, length } = column.values as Uint8Array;
  const bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, length);
  return Array.from({ length: column.length }, (_, i) =>
    bytes.toString('utf8', column.offsets![i]!, column.offsets![i + 1]!),
  );
}

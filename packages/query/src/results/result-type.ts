import {
  type DuckDBArrayType,
  type DuckDBDecimalType,
  type DuckDBEnumType,
  type DuckDBListType,
  type DuckDBMapType,
  type DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';

/** How a result column travels: plain data, made from DuckDB's type in the worker and into Arrow's outside it. */
export type ResultType =
  | { readonly kind: ScalarKind }
  | {
      readonly kind: 'decimal';
      readonly precision: number;
      readonly scale: number;
      readonly storedBytes: 2 | 4 | 8 | 16;
    }
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'list' | 'fixedList'; readonly element: ResultType; readonly size?: number }
  | { readonly kind: 'struct'; readonly names: readonly string[]; readonly fields: readonly ResultType[] }
  | { readonly kind: 'map'; readonly key: ResultType; readonly value: ResultType };

/** `uuid` and `asText` are text outside: what Arrow has no type for comes as DuckDB's own text. */
export type ScalarKind = keyof typeof SCALAR_BYTES | 'bool' | 'text' | 'blob' | 'asText';

/** Bytes that a value takes in DuckDB's vectors. */
export const SCALAR_BYTES = {
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  int128: 16,
  float32: 4,
  float64: 8,
  date: 4,
  time_us: 8,
  time_ns: 8,
  timestamp_s: 8,
  timestamp_ms: 8,
  timestamp_us: 8,
  timestamp_ns: 8,
  timestamp_tz: 8,
  uuid: 16,
} as const;

const SCALARS: Readonly<Partial<Record<DuckDBTypeId, ScalarKind>>> = {
  [DuckDBTypeId.BOOLEAN]: 'bool',
  [DuckDBTypeId.TINYINT]: 'int8',
  [DuckDBTypeId.SMALLINT]: 'int16',
  [DuckDBTypeId.INTEGER]: 'int32',
  [DuckDBTypeId.BIGINT]: 'int64',
  [DuckDBTypeId.UTINYINT]: 'uint8',
  [DuckDBTypeId.USMALLINT]: 'uint16',
  [DuckDBTypeId.UINTEGER]: 'uint32',
  [DuckDBTypeId.UBIGINT]: 'uint64',
  [DuckDBTypeId.HUGEINT]: 'int128',
  [DuckDBTypeId.FLOAT]: 'float32',
  [DuckDBTypeId.DOUBLE]: 'float64',
  [DuckDBTypeId.DATE]: 'date',
  [DuckDBTypeId.TIME]: 'time_us',
  [DuckDBTypeId.TIME_NS]: 'time_ns',
  [DuckDBTypeId.TIMESTAMP_S]: 'timestamp_s',
  [DuckDBTypeId.TIMESTAMP_MS]: 'timestamp_ms',
  [DuckDBTypeId.TIMESTAMP]: 'timestamp_us',
  [DuckDBTypeId.TIMESTAMP_NS]: 'timestamp_ns',
  [DuckDBTypeId.TIMESTAMP_TZ]: 'timestamp_tz',
  [DuckDBTypeId.UUID]: 'uuid',
  [DuckDBTypeId.VARCHAR]: 'text',
  [DuckDBTypeId.BLOB]: 'blob',
};

export function resultTypeOf(type: DuckDBType): ResultType {
  // Extensions' types are others' with a name (JSON is VARCHAR); they are laid out alike.
  const scalar = SCALARS[type.typeId];
  if (scalar !== undefined) return { kind: scalar };
  switch (type.typeId) {
    case DuckDBTypeId.DECIMAL: {
      const { width, scale } = type as DuckDBDecimalType;
      return {
        kind: 'decimal',
        precision: width,
        scale,
        storedBytes: width <= 4 ? 2 : width <= 9 ? 4 : width <= 18 ? 8 : 16,
      };
    }
    case DuckDBTypeId.ENUM:
      return { kind: 'enum', values: (type as DuckDBEnumType).values };
    case DuckDBTypeId.LIST:
      return { kind: 'list', element: resultTypeOf((type as DuckDBListType).valueType) };
    case DuckDBTypeId.ARRAY: {
      const { valueType, length } = type as DuckDBArrayType;
      return { kind: 'fixedList', element: resultTypeOf(valueType), size: length };
    }
    case DuckDBTypeId.STRUCT: {
      const { entryNames, entryTypes } = type as DuckDBStructType;
      return { kind: 'struct', names: entryNames, fields: entryTypes.map(resultTypeOf) };
    }
    case DuckDBTypeId.MAP: {
      const { keyType, valueType } = type as DuckDBMapType;
      return { kind: 'map', key: resultTypeOf(keyType), value: resultTypeOf(valueType) };
    }
    default:
      return { kind: 'asText' };
  }
}

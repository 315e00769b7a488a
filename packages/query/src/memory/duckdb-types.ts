import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  type DuckDBType,
  INTEGER,
  LIST,
  MAP,
  STRUCT,
  TIMESTAMP_NS,
  UBIGINT,
  UINTEGER,
  VARCHAR,
} from '@duckdb/node-api';
import { type ColumnType, typesColumnOf } from '@openwit/ports';

/** Attributes, and the types of attributes. */
export const TEXT_MAP: DuckDBType = MAP(VARCHAR, VARCHAR);

/** What DuckDB calls the type of a column. */
export function duckDbType(type: ColumnType): DuckDBType {
  if (typeof type === 'object') {
    if ('list' in type) return LIST(duckDbType(type.list));
    const fields = type.struct.flatMap((field): [string, DuckDBType][] => {
      const own: [string, DuckDBType] = [field.name, duckDbType(field.type)];
      const types = typesColumnOf(field.name);
      return field.type === 'attributes' && types !== field.name ? [own, [types, TEXT_MAP]] : [own];
    });
    return STRUCT(Object.fromEntries(fields));
  }
  const types: Readonly<Record<typeof type, DuckDBType>> = {
    timestamp_ns: TIMESTAMP_NS,
    int64: BIGINT,
    uint64: UBIGINT,
    int32: INTEGER,
    uint32: UINTEGER,
    float64: DOUBLE,
    bool: BOOLEAN,
    text: VARCHAR,
    attributes: TEXT_MAP,
  };
  return types[type];
}

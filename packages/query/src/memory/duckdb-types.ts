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
import { type ColumnType, TABLES, type TableName, typesColumnOf } from '@openwit/ports';
import { type HiddenColumn, PART_SQL_TYPES } from '../sql/attribute-access.ts';

/** Attributes, and the types of attributes. */
const TEXT_MAP: DuckDBType = MAP(VARCHAR, VARCHAR);

/** The type of a column of a table as SQL sees it, or of a hidden one. @param index of the column of `TABLES`, for its value or types */
export function logicalType(
  table: TableName,
  { index, part }: { readonly index?: number; readonly part: 'value' | 'types' | HiddenColumn['part'] },
): DuckDBType {
  if (part === 'value') return duckDbType(TABLES[table][index!]!.type);
  if (part === 'types') return TEXT_MAP;
  return { VARCHAR, BIGINT, DOUBLE, BOOLEAN }[PART_SQL_TYPES[part]];
}

function duckDbType(type: ColumnType): DuckDBType {
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

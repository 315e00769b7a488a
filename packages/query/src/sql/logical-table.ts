import { type ColumnType, TABLES, type TableName, typesColumnOf } from '@openwit/ports';

/** A column as SQL sees it. */
export interface LogicalColumn {
  readonly name: string;
  /** DuckDB's name of the type. */
  readonly sqlType: string;
  /** Index of the column of {@link TABLES} that it is read from. */
  readonly index: number;
  /** `types`: the attribute types of that column, not the column itself. */
  readonly part: 'value' | 'types';
}

const TEXT_MAP = 'MAP(VARCHAR, VARCHAR)';

/** The columns of each table in SQL: those of `TABLES`, then the types of each of its attributes columns. */
export const LOGICAL_TABLES: Readonly<Record<TableName, readonly LogicalColumn[]>> = {
  traces: logicalColumns('traces'),
  logs: logicalColumns('logs'),
  metrics: logicalColumns('metrics'),
};

/** `undefined` for an attributes column that keeps no types (`metric_metadata`). */
export function typesColumn(attributesColumn: string): string | undefined {
  const name = typesColumnOf(attributesColumn);
  return name === attributesColumn ? undefined : name;
}

export function sqlTypeOf(type: ColumnType): string {
  if (typeof type === 'object') {
    if ('list' in type) return `${sqlTypeOf(type.list)}[]`;
    const fields = type.struct.flatMap((field) => {
      const types = field.type === 'attributes' ? typesColumn(field.name) : undefined;
      const own = `"${field.name}" ${sqlTypeOf(field.type)}`;
      return types === undefined ? [own] : [own, `"${types}" ${TEXT_MAP}`];
    });
    return `STRUCT(${fields.join(', ')})`;
  }
  switch (type) {
    case 'timestamp_ns':
      return 'TIMESTAMP_NS';
    case 'int64':
      return 'BIGINT';
    case 'uint64':
      return 'UBIGINT';
    case 'int32':
      return 'INTEGER';
    case 'uint32':
      return 'UINTEGER';
    case 'float64':
      return 'DOUBLE';
    case 'bool':
      return 'BOOLEAN';
    case 'text':
      return 'VARCHAR';
    case 'attributes':
      return TEXT_MAP;
  }
}

function logicalColumns(table: TableName): LogicalColumn[] {
  const values: LogicalColumn[] = [];
  const types: LogicalColumn[] = [];
  TABLES[table].forEach(({ name, type }, index) => {
    values.push({ name, sqlType: sqlTypeOf(type), index, part: 'value' });
    const typesName = type === 'attributes' ? typesColumn(name) : undefined;
    if (typesName !== undefined) types.push({ name: typesName, sqlType: TEXT_MAP, index, part: 'types' });
  });
  return [...values, ...types];
}

import {
  type AttributeColumn,
  type ColumnDefinition,
  type ColumnType,
  TABLES,
  type TableName,
  typesColumnOf,
} from '@openwit/ports';

/** The type of a column in a file, in DuckLake's words. */
export type StoredType =
  | 'timestamp_ns'
  | 'int64'
  | 'uint64'
  | 'int32'
  | 'uint32'
  | 'float64'
  | 'boolean'
  | 'varchar'
  | 'list'
  | 'struct'
  | 'map';

/** A column of a Parquet file. Children by type: a list has `element`, a map `key` and `value`, a struct its fields. */
export interface StoredColumn {
  readonly name: string;
  /** Names from the top, joined by dots: `events.element.name`. It is the key of `CatalogTable.fieldIds`. */
  readonly path: string;
  readonly type: StoredType;
  readonly nullable: boolean;
  readonly children: readonly StoredColumn[];
}

/** The maps whose keys may become columns of their own; others are few or nested. */
export const COLUMN_MAPS: readonly string[] = ['attributes', 'resource_attributes', 'scope_attributes'];

/**
 * The columns that every file of a table has, in order: those of the batch in memory, groups as a value per row, then
 * a map of types per attributes column. Inside structs that map follows its attributes. Attribute columns come after.
 */
export function storedColumns(table: TableName): readonly StoredColumn[] {
  const columns = TABLES[table].map((definition) => storedColumn(definition, ''));
  const types = TABLES[table].filter(keepsTypes).map(({ name }) => mapColumn(typesColumnOf(name), ''));
  return [...columns, ...types];
}

/** `metric_metadata` has no types column: what is in it is text in practice. */
export function keepsTypes({ name, type }: ColumnDefinition): boolean {
  return type === 'attributes' && typesColumnOf(name) !== name;
}

export function storedAttributeColumn({ name, type }: AttributeColumn): StoredColumn {
  return { name, path: attributeColumnPath(name), type: SCALARS[type], nullable: true, children: [] };
}

/** Unlike any other path: `attributes.key` is a column of its own when `key` is an attribute, and a part of the map. */
export function attributeColumnPath(name: string): string {
  return `"${name}"`;
}

/** Depth first: a column, then what is in it. This order numbers the field ids of a new table, from 1. */
export function* withChildren(columns: readonly StoredColumn[]): Generator<StoredColumn> {
  for (const column of columns) {
    yield column;
    yield* withChildren(column.children);
  }
}

const SCALARS = {
  timestamp_ns: 'timestamp_ns',
  int64: 'int64',
  uint64: 'uint64',
  int32: 'int32',
  uint32: 'uint32',
  float64: 'float64',
  bool: 'boolean',
  text: 'varchar',
} as const satisfies Partial<Record<Extract<ColumnType, string>, StoredType>>;

function storedColumn({ name, type, nullable }: ColumnDefinition, parent: string): StoredColumn {
  const path = parent + name;
  if (type === 'attributes') return mapColumn(name, parent);
  if (typeof type === 'string') return { name, path, type: SCALARS[type], nullable, children: [] };
  if ('list' in type) {
    const element = storedColumn({ name: 'element', type: type.list, nullable: false, per: 'record' }, `${path}.`);
    return { name, path, type: 'list', nullable, children: [element] };
  }
  return {
    name,
    path,
    type: 'struct',
    nullable,
    children: type.struct.flatMap((field) => storedFields(field, `${path}.`)),
  };
}

function storedFields(field: ColumnDefinition, parent: string): StoredColumn[] {
  const column = storedColumn(field, parent);
  return keepsTypes(field) ? [column, mapColumn(typesColumnOf(field.name), parent)] : [column];
}

function mapColumn(name: string, parent: string): StoredColumn {
  const path = parent + name;
  const text = (child: string, nullable: boolean): StoredColumn => ({
    name: child,
    path: `${path}.${child}`,
    type: 'varchar',
    nullable,
    children: [],
  });
  return { name, path, type: 'map', nullable: false, children: [text('key', false), text('value', true)] };
}

/** The type of a column, independent of Arrow, Parquet and DuckDB. */
export type ColumnType =
  | 'timestamp_ns'
  | 'int64'
  | 'uint64'
  | 'int32'
  | 'uint32'
  | 'float64'
  | 'bool'
  | 'text'
  | 'attributes'
  | { readonly list: ColumnType }
  | { readonly struct: readonly ColumnDefinition[] };

export interface ColumnDefinition {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /**
   * `record`: a value per row. Anything else names a group of rows that share a value (all rows of one OTLP resource):
   * the columns of one group share one index per row into the group's values.
   */
  readonly per: string;
}

type Options = Partial<Pick<ColumnDefinition, 'nullable' | 'per'>>;

export function column(name: string, type: ColumnType, options: Options = {}): ColumnDefinition {
  return { name, type, nullable: options.nullable ?? false, per: options.per ?? 'record' };
}

/** How an attribute's value was typed in OTLP; the index in this list is the `type` byte of a batch in memory. */
export const ATTRIBUTE_TYPES = ['string', 'int', 'double', 'bool', 'bytes', 'array', 'map', 'empty'] as const;

export type AttributeType = (typeof ATTRIBUTE_TYPES)[number];

/** The column that keeps the types of a map's values: `attributes` → `attribute_types`. */
export function typesColumnOf(attributesColumn: string): string {
  return attributesColumn.replace(/attributes$/, 'attribute_types');
}

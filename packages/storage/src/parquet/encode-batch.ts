import {
  type AttributeColumn,
  type ColumnData,
  type ColumnDefinition,
  TABLES,
  type TableName,
  typesColumnOf,
} from '@openwit/ports';
import type { RecordBatch } from 'apache-arrow';
import { type StoredValues, toRecordBatch } from './arrow-columns.ts';
import { attributeCensus, countRows, type KeyCensus } from './attribute-census.ts';
import { type AttributeColumnPlan, planAttributeColumns } from './attribute-columns.ts';
import { storeAttributes } from './attribute-values.ts';
import { columnStats, timestampRange } from './column-stats.ts';
import type { EncodeRequest, FileFacts } from './encode-protocol.ts';
import type { GroupedValues } from './grouped-columns.ts';
import { OrderedRows } from './ordered-rows.ts';
import { type PlainValues, sampleOf } from './plain-columns.ts';
import type { Scratch } from './scratch.ts';
import { sortOrder } from './sort-order.ts';
import {
  attributeColumnPath,
  COLUMN_MAPS,
  keepsTypes,
  type StoredColumn,
  storedAttributeColumn,
  storedColumns,
} from './stored-layout.ts';

/** The batch in the stored layout, with what the catalog keeps of it. */
export interface EncodedBatch extends FileFacts {
  /** The columns that are written row by row. */
  readonly batch: RecordBatch;
  /** One row: the other columns, with the value that all rows of the batch have, or of those in `grouped` one of them. */
  readonly row: RecordBatch;
  readonly grouped: ReadonlyMap<string, GroupedValues>;
  /** Those of the columns of `batch` that hold single values, but for those of few different ones and the time. */
  readonly plain: readonly PlainValues[];
  /** One row of them. */
  readonly sample: RecordBatch;
  /** The columns that have a NaN. */
  readonly withNan: ReadonlySet<string>;
  /** The names of all columns, in order. */
  readonly columns: readonly string[];
  readonly table: TableName;
}

/** The result lies in `memory`. */
export function encodeBatch(request: EncodeRequest, memory: Scratch): EncodedBatch {
  const { table, rows } = request;
  const plan = planColumns(request);
  const layout = [...storedColumns(table), ...plan.columns.map(storedAttributeColumn)];
  const stored = storeColumns(request, plan.columns, layout, memory);
  const isRowByRow = ({ values, group }: StoredValues) => group === undefined && values.length === rows;
  const groups = stored.flatMap(({ column: { name }, values, group }) =>
    group === undefined ? [] : [[name, { values, rows: group.placeOf }] as const],
  );

  const ids = new Map(request.fieldIds);
  for (const { name, fieldId } of plan.columns) ids.set(attributeColumnPath(name), fieldId);
  const fieldIdOf = (path: string): number => ids.get(path)!;
  const times = timestampRange(stored.find(({ column }) => column.name === 'timestamp')!.values, rows);
  const plain = stored.filter((column) => isRowByRow(column) && isPlain(column));
  const scalars = stored.filter(hasStats);
  const stats = scalars.map((column) => columnStats(column, rows, fieldIdOf(column.column.path)));
  return {
    table,
    columns: layout.map(({ name }) => name),
    batch: toRecordBatch(stored.filter(isRowByRow), rows, fieldIdOf),
    row: toRecordBatch(
      stored.filter((column) => !isRowByRow(column)),
      1,
      fieldIdOf,
    ),
    grouped: new Map(groups),
    plain,
    sample: toRecordBatch(plain.map(sampleOf), 1, fieldIdOf),
    newColumns: plan.newColumns,
    attributeColumnIds: plan.columns.map(({ fieldId }) => fieldId),
    emptyColumns: stored.filter(isEmpty).map(({ column }) => column.name),
    columnStats: stats,
    withNan: new Set(scalars.filter((_, i) => stats[i]!.containsNan).map(({ column }) => column.name)),
    minTimestampNs: times.min,
    maxTimestampNs: times.max,
  };
}

function planColumns(request: EncodeRequest): AttributeColumnPlan {
  const census: KeyCensus[] = [];
  TABLES[request.table].forEach(({ name }, i) => {
    if (!COLUMN_MAPS.includes(name)) return;
    const { indices, dictionary, ...own } = request.columns[i]!;
    if (indices === undefined || dictionary === undefined) census.push(...attributeCensus(name, own));
    else census.push(...attributeCensus(name, dictionary, countRows(indices, dictionary.length)));
  });
  const known = { columns: request.attributeColumns, nextFieldId: request.nextFieldId };
  return planAttributeColumns(census, request.rows, known, request.settings);
}

/** The values of every stored column, in the order of the rows' key. */
function storeColumns(
  request: EncodeRequest,
  wanted: readonly AttributeColumn[],
  layout: readonly StoredColumn[],
  memory: Scratch,
): StoredValues[] {
  const rows = new OrderedRows(sortOrder(request.table, request.rows, request.columns, memory), memory);
  const columnOf = new Map(layout.map((column) => [column.name, column]));
  const stored = new Map<string, StoredValues>();
  TABLES[request.table].forEach((definition, i) => {
    const { indices, dictionary, ...own } = request.columns[i]!;
    const store = (name: string, values: ColumnData): void => {
      const column = columnOf.get(name)!;
      const inOrder = indices === undefined ? rows.own(column, values) : rows.grouped(column, values, indices);
      stored.set(name, { column, ...inOrder });
    };
    const source = dictionary ?? own;
    if (definition.type !== 'attributes') {
      store(definition.name, storeValues(definition, source, memory));
      return;
    }
    const columns = wanted.filter(({ map }) => map === definition.name);
    const attributes = storeAttributes(source, columns, memory);
    store(definition.name, attributes.map);
    if (keepsTypes(definition)) store(typesColumnOf(definition.name), attributes.types);
    for (const [c, { name }] of columns.entries()) store(name, attributes.columns[c]!);
  });
  return layout.map(({ name }) => stored.get(name)!);
}

/** The same buffers, but for attributes inside structs: these become two maps. */
function storeValues({ type }: Pick<ColumnDefinition, 'type'>, source: ColumnData, memory: Scratch): ColumnData {
  if (typeof type === 'string') return source;
  if ('list' in type) {
    const length = source.offsets![source.length]!;
    return { ...source, children: [storeValues({ type: type.list }, { ...source.children![0]!, length }, memory)] };
  }
  const children = type.struct.flatMap((field, i) => {
    const child = { ...source.children![i]!, length: source.length };
    if (field.type !== 'attributes') return [storeValues(field, child, memory)];
    const { map, types } = storeAttributes(child, [], memory);
    return [map, types];
  });
  return { ...source, children };
}

/** What queries group and filter by and is of no group. With a dictionary DuckDB groups a million rows in half the time. */
export const FEW_VALUES: readonly string[] = ['span_name', 'severity_text'];

/** A file has one column at least that a general writer writes. */
function isPlain({ column: { name, children } }: StoredValues): boolean {
  return children.length === 0 && name !== 'timestamp' && !FEW_VALUES.includes(name);
}

/** A list or a map without an element in any row. */
function isEmpty({ column: { type }, values: { length, offsets } }: StoredValues): boolean {
  return (type === 'list' || type === 'map') && offsets![length] === offsets![0];
}

function hasStats({ column }: { readonly column: StoredColumn }): boolean {
  return column.children.length === 0;
}

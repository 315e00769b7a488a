import {
  type AttributeColumn,
  type ColumnData,
  type ColumnDefinition,
  type FileColumnStats,
  TABLES,
  type TableName,
  typesColumnOf,
} from '@openwit/ports';
import type { RecordBatch } from 'apache-arrow';
import { type StoredValues, toRecordBatch } from './arrow-columns.ts';
import { attributeCensus, countRows, type KeyCensus } from './attribute-census.ts';
import { type AttributeColumnPlan, type AttributeColumnSettings, planAttributeColumns } from './attribute-columns.ts';
import { storeAttributes } from './attribute-values.ts';
import { columnStats, timestampRange } from './column-stats.ts';
import { isConstant } from './constant-values.ts';
import { gather, gatherValues } from './gather.ts';
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

/** A batch in memory and what its table has already. Plain data: it goes to a worker. */
export interface EncodeRequest {
  readonly table: TableName;
  readonly rows: number;
  /** In the layout of `TABLES`. */
  readonly columns: readonly ColumnData[];
  readonly fieldIds: ReadonlyMap<string, number>;
  readonly attributeColumns: readonly AttributeColumn[];
  readonly nextFieldId: number;
  readonly settings: AttributeColumnSettings;
}

/** The batch in the stored layout, with what the catalog keeps of it. */
export interface EncodedBatch {
  /** The columns whose values differ. */
  readonly batch: RecordBatch;
  /** One row: the other columns, with the value that all rows of the batch have. */
  readonly constants: RecordBatch;
  /** The names of all columns, in order. */
  readonly columns: readonly string[];
  readonly table: TableName;
  /** Columns in which a long value of a group stands in very many rows: a file must not repeat it. */
  readonly wideColumns: readonly string[];
  readonly newColumns: readonly AttributeColumn[];
  readonly attributeColumnIds: readonly number[];
  readonly emptyColumns: readonly string[];
  readonly columnStats: readonly FileColumnStats[];
  readonly minTimestampNs: bigint;
  readonly maxTimestampNs: bigint;
}

/** The result lies in `memory`. */
export function encodeBatch(request: EncodeRequest, memory: Scratch): EncodedBatch {
  const { table, rows, fieldIds } = request;
  const plan = planColumns(request);
  const order = sortOrder(table, rows, request.columns, memory);
  const layout = [...storedColumns(table), ...plan.columns.map(storedAttributeColumn)];
  const values = storeColumns(request, plan.columns, layout, order, memory);
  const stored: StoredValues[] = layout.map((column) => ({ column, values: values.get(column.name)! }));
  const isOfOneRow = ({ values: { length } }: StoredValues) => length < rows;
  const constants = stored.filter(isOfOneRow);

  const ids = new Map(fieldIds);
  for (const { name, fieldId } of plan.columns) ids.set(attributeColumnPath(name), fieldId);
  const fieldIdOf = (path: string): number => ids.get(path)!;
  const times = timestampRange(values.get('timestamp')!, rows);
  return {
    table,
    columns: layout.map(({ name }) => name),
    batch: toRecordBatch(
      stored.filter((column) => !isOfOneRow(column)),
      rows,
      fieldIdOf,
    ),
    constants: toRecordBatch(constants, 1, fieldIdOf),
    wideColumns: wideColumns(request, plan.columns, values),
    newColumns: plan.newColumns,
    attributeColumnIds: plan.columns.map(({ fieldId }) => fieldId),
    emptyColumns: stored.filter(isEmpty).map(({ column }) => column.name),
    columnStats: stored.filter(hasStats).map((column) => columnStats(column, rows, fieldIdOf(column.column.path))),
    minTimestampNs: times.min,
    maxTimestampNs: times.max,
  };
}

const WIDE_BYTES = 64 * 1024 * 1024;

function wideColumns(
  { table, columns }: EncodeRequest,
  attributeColumns: readonly AttributeColumn[],
  values: ReadonlyMap<string, ColumnData>,
): string[] {
  const groups = TABLES[table].filter((_, i) => columns[i]!.indices !== undefined).map(({ name }) => name);
  const ofGroups = attributeColumns.filter(({ map }) => groups.includes(map)).map(({ name }) => name);
  return [...groups, ...ofGroups].filter((name) => {
    const { dictionary, length } = values.get(name)!;
    return dictionary !== undefined && longestText(dictionary) * length > WIDE_BYTES;
  });
}

function longestText({ offsets, length }: ColumnData): number {
  let longest = 0;
  for (let i = 0; i < length; i++) longest = Math.max(longest, offsets![i + 1]! - offsets![i]!);
  return longest;
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

/** The values of every stored column by its name, a value per row, in the given order; or one, where all rows have the same. */
function storeColumns(
  request: EncodeRequest,
  wanted: readonly AttributeColumn[],
  layout: readonly StoredColumn[],
  order: Int32Array,
  memory: Scratch,
): Map<string, ColumnData> {
  const stored = new Map<string, ColumnData>();
  const columnOf = new Map(layout.map((column) => [column.name, column]));
  const known = new Map<Int32Array, Int32Array>();
  /** The columns of one group share their indices. */
  const inOrder = (indices: Int32Array): Int32Array => {
    let ordered = known.get(indices);
    if (ordered === undefined) known.set(indices, (ordered = gatherValues(indices, order, memory) as Int32Array));
    return ordered;
  };
  TABLES[request.table].forEach((definition, i) => {
    const { indices, dictionary, ...own } = request.columns[i]!;
    const valueOfRow = indices === undefined ? order : inOrder(indices);
    const store = (name: string, values: ColumnData): void => {
      // A file has one column at least that is written row by row.
      const isOne = name !== 'timestamp' && isConstant(columnOf.get(name)!, values);
      stored.set(name, gather(values, isOne ? valueOfRow.subarray(0, 1) : valueOfRow, memory));
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
  return stored;
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

/** A list or a map without an element in any row. */
function isEmpty({ column: { type }, values: { length, offsets } }: StoredValues): boolean {
  return (type === 'list' || type === 'map') && offsets![length] === offsets![0];
}

function hasStats({ column }: { readonly column: StoredColumn }): boolean {
  return column.children.length === 0;
}

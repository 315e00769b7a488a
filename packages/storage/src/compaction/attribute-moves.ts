import type { AttributeColumn } from '@openwit/ports';
import { COLUMN_MAPS } from '../parquet/stored-layout.ts';
import type { MergeInput, MergeRequest } from './merge-request.ts';
import { identifier, literal, readParquet } from './sql-text.ts';

/** Rows of a query as DuckDB gives them. */
export type Rows = (sql: string) => Promise<readonly (readonly unknown[])[]>;

/** The words that a types map has for the values that a column can hold; strings have none. */
const TYPE_WORDS: Record<AttributeColumn['type'], string | null> = {
  text: null,
  int64: 'int',
  float64: 'double',
  bool: 'bool',
};

export function typeWord({ type }: Pick<AttributeColumn, 'type'>): string | null {
  return TYPE_WORDS[type];
}

/**
 * The attribute columns of a merged file: the keys that enough of its rows have, each with values of one type. A key that
 * has enough rows in all of the inputs has enough in one of them and is a column there, so no other key need be looked at.
 * @param where the rows that the file takes
 */
export async function chooseAttributeColumns(
  { inputs, attributeColumns, minShare }: MergeRequest,
  where: string,
  rows: number,
  query: Rows,
): Promise<AttributeColumn[]> {
  const inputsWith = (column: AttributeColumn) =>
    inputs.filter(({ attributeColumnIds }) => attributeColumnIds.includes(column.fieldId));
  const known = attributeColumns.filter((column) => inputsWith(column).length > 0);
  const everywhere = known.filter((column) => inputsWith(column).length === inputs.length);
  const mixed = known.filter((column) => !everywhere.includes(column));
  const inMaps = await censusOfMaps(inputs, mixed, where, query);
  const chosen = [...everywhere];
  for (const column of mixed) {
    const inMap = inMaps.get(column.fieldId) ?? NOWHERE;
    if (!inMap.fitsColumn) continue;
    const count = `SELECT count(${identifier(column.name)}) FROM ${readParquet(pathsOf(inputsWith(column)))} WHERE ${where}`;
    const inColumns = Number((await query(count))[0]![0]);
    if (inColumns + inMap.rows >= minShare * rows) chosen.push(column);
  }
  return chosen.sort((a, b) => a.fieldId - b.fieldId);
}

interface MapCount {
  readonly rows: number;
  /** All values have the column's type, and no row has the key twice. */
  readonly fitsColumn: boolean;
}

const NOWHERE: MapCount = { rows: 0, fitsColumn: true };

/** How often the keys are in the maps of those files that do not have them as columns. */
async function censusOfMaps(
  inputs: readonly MergeInput[],
  columns: readonly AttributeColumn[],
  where: string,
  query: Rows,
): Promise<Map<number, MapCount>> {
  const counts = new Map<number, MapCount>();
  for (const map of COLUMN_MAPS) {
    const wanted = columns.filter((column) => column.map === map);
    const files = inputs.filter(
      ({ attributeColumnIds, emptyColumns }) =>
        !emptyColumns.includes(map) && wanted.some(({ fieldId }) => !attributeColumnIds.includes(fieldId)),
    );
    if (files.length === 0) continue;
    const keys = wanted.map(({ key }) => literal(key)).join(', ');
    const types = identifier(map.replace(/attributes$/, 'attribute_types'));
    const entries = `SELECT unnest(map_keys(${identifier(map)})) AS key, ${types} AS types,
      list_unique(map_keys(${identifier(map)})) < cardinality(${identifier(map)}) AS repeats
      FROM ${readParquet(pathsOf(files))} WHERE ${where}`;
    const found = await query(
      `SELECT key, types[key] AS type, count(*), bool_or(repeats) FROM (${entries}) WHERE key IN (${keys}) GROUP BY 1, 2`,
    );
    for (const column of wanted) {
      const own = found.filter(([key]) => key === column.key);
      counts.set(column.fieldId, {
        rows: own.reduce((sum, [, , count]) => sum + Number(count), 0),
        fitsColumn: own.every(([, type, , repeats]) => type === typeWord(column) && repeats !== true),
      });
    }
  }
  return counts;
}

function pathsOf(inputs: readonly MergeInput[]): string[] {
  return inputs.map(({ path }) => path);
}

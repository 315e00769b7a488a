import type { TableName } from '../signal.ts';
import type { ColumnData } from './column-data.ts';
import { TABLES } from './tables.ts';

/** How many entries the dictionaries of a batch have: the groups by their `per`, and the attribute keys. */
export interface EntryCounts {
  readonly resource: number;
  readonly scope: number;
  readonly metric: number;
  readonly keys: number;
}

/**
 * The same buffers with dictionaries of other lengths: a batch that grows adds entries behind those that a reader of its
 * columns knows. Groups of fixed words stay as they are.
 */
export function withEntryCounts(
  table: TableName,
  columns: readonly ColumnData[],
  counts: EntryCounts,
): readonly ColumnData[] {
  const groups: Readonly<Record<string, number | undefined>> = { ...counts, keys: undefined };
  return TABLES[table].map(({ per }, i) => {
    const column = columns[i]!;
    if (column.dictionary === undefined) return withKeys(column, counts.keys);
    const dictionary = withKeys(column.dictionary, counts.keys);
    return { ...column, dictionary: { ...dictionary, length: groups[per] ?? dictionary.length } };
  });
}

/** Inside a column the only dictionaries are those of attribute keys. */
function withKeys(column: ColumnData, keys: number): ColumnData {
  if (column.children === undefined) return column;
  const children = column.children.map((child) =>
    child.dictionary === undefined
      ? withKeys(child, keys)
      : { ...child, dictionary: { ...child.dictionary, length: keys } },
  );
  return { ...column, children };
}

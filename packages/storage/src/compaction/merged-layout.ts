import type { AttributeColumn, TableName } from '@openwit/ports';
import {
  attributeColumnPath,
  type StoredColumn,
  storedAttributeColumn,
  storedColumns,
} from '../parquet/stored-layout.ts';
import type { MergeRequest } from './merge-request.ts';

/** Those of the table's attribute columns, in the order of a merged file. */
export function columnsOf({ attributeColumns }: MergeRequest, ids: readonly number[]): AttributeColumn[] {
  return attributeColumns.filter(({ fieldId }) => ids.includes(fieldId)).sort((a, b) => a.fieldId - b.fieldId);
}

/** The columns of a merged file. */
export function layoutOf(table: TableName, attributeColumns: readonly AttributeColumn[]): StoredColumn[] {
  return [...storedColumns(table), ...attributeColumns.map(storedAttributeColumn)];
}

export function fieldIdsOf(
  request: MergeRequest,
  attributeColumns: readonly AttributeColumn[],
): (column: StoredColumn) => number {
  const ids = new Map(request.fieldIds);
  for (const { name, fieldId } of attributeColumns) ids.set(attributeColumnPath(name), fieldId);
  return ({ path }) => ids.get(path)!;
}

import type { TableName } from '@openwit/ports';
import { columnsOf } from '@openwit/ports/arrow';
import { batchOf, type PlainRow } from '@openwit/ports/testing';
import { DEFAULT_ATTRIBUTE_COLUMNS } from '../parquet/attribute-columns.ts';
import type { EncodeRequest } from '../parquet/encode-protocol.ts';
import { storedColumns, withChildren } from '../parquet/stored-layout.ts';

/** Rows of a table that has no attribute columns yet. */
export function encodeRequest(table: TableName, rows: readonly PlainRow[]): EncodeRequest {
  return {
    table,
    rows: rows.length,
    columns: columnsOf(batchOf(table, rows)),
    fieldIds: new Map([...withChildren(storedColumns(table))].map(({ path }, i) => [path, i + 1])),
    attributeColumns: [],
    nextFieldId: 1000,
    settings: DEFAULT_ATTRIBUTE_COLUMNS,
  };
}

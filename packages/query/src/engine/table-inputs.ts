import { type ColumnData, type ColumnValues, SIGNALS, type Snapshot, type TableName } from '@openwit/ports';
import { columnsOf } from '@openwit/ports/arrow';
import type { RecordBatch } from 'apache-arrow';
import type { ScanBatch } from '../memory/scan-plan.ts';
import type { TableInput } from '../sql/plan.ts';
import { USAGE_TABLE } from '../sql/usage-table.ts';

/** The tables that a query can read: SQL must spell a table's name to read it. */
export function mentionedTables(sql: string): TableName[] {
  const text = sql.toLowerCase();
  return SIGNALS.filter((table) => text.includes(table));
}

/** So with `openwit.usage`. */
export function mentionsUsage(sql: string): boolean {
  return sql.toLowerCase().includes(USAGE_TABLE);
}

/** A snapshot as plain data over shared memory, for a message to the worker. */
export function tableInputs(snapshot: Snapshot): Partial<Record<TableName, TableInput>> {
  return Object.fromEntries(
    [...snapshot.tables].map(([name, { batches, files, attributeColumns }]) => [
      name,
      { batches: batches.map(({ batch }) => scanBatch(batch)), files, attributeColumns },
    ]),
  );
}

/** Batches whose buffers are not shared are copied into shared ones, once. */
const converted = new WeakMap<RecordBatch, ScanBatch>();

function scanBatch(batch: RecordBatch): ScanBatch {
  const known = converted.get(batch);
  if (known !== undefined) return known;
  const copies = new Map<ArrayBufferView, ArrayBufferView>();
  const scan = { rows: batch.numRows, columns: columnsOf(batch).map((column) => sharedColumn(column, copies)) };
  converted.set(batch, scan);
  return scan;
}

function sharedColumn(column: ColumnData, copies: Map<ArrayBufferView, ArrayBufferView>): ColumnData {
  const { length, validity, offsets, values, children, indices, dictionary } = column;
  return {
    length,
    ...(validity && { validity: shared(validity, copies) }),
    ...(offsets && { offsets: shared(offsets, copies) }),
    ...(values && { values: shared(values, copies) }),
    ...(indices && { indices: shared(indices, copies) }),
    ...(children && { children: children.map((child) => sharedColumn(child, copies)) }),
    ...(dictionary && { dictionary: sharedColumn(dictionary, copies) }),
  };
}

function shared<T extends ColumnValues>(array: T, copies: Map<ArrayBufferView, ArrayBufferView>): T {
  if (array.buffer instanceof SharedArrayBuffer) return array;
  const known = copies.get(array);
  if (known !== undefined) return known as T;
  const make = array.constructor as new (buffer: SharedArrayBuffer) => T;
  const copy = new make(new SharedArrayBuffer(array.byteLength));
  copy.set(array as never);
  copies.set(array, copy);
  return copy;
}

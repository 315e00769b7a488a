import type { FileSystem, SealedBatch, TableName } from '@openwit/ports';
import { TABLES } from '@openwit/ports';
import { columnsOf, recordBatchOf } from '@openwit/ports/arrow';
import { batchOf } from '@openwit/ports/testing';
import type { ColumnData } from '../../packages/ports/src/tables/column-data.ts';
import { textsOf } from '../../packages/storage/src/parquet/attribute-census.ts';

/** A record: its name, which no other has, and its time in milliseconds. */
export type Row = readonly [id: string, ms: number];

/** Stands in for Parquet: rows as JSON. */
export function bytesOf(rows: readonly Row[]): Buffer<ArrayBuffer> {
  return Buffer.from(JSON.stringify(rows));
}

export function rowsOf(bytes: Uint8Array): Row[] {
  return JSON.parse(Buffer.from(bytes).toString()) as Row[];
}

export async function readRows(fileSystem: FileSystem, path: string): Promise<Row[]> {
  const file = await fileSystem.open(path, 'read');
  const bytes = new Uint8Array(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return rowsOf(bytes);
}

const NS = 1_000_000n;
/** The text column that holds a record's name. */
const NAME_OF: Partial<Record<TableName, string>> = { logs: 'body', traces: 'span_name' };
const TEMPLATES = new Map<string, readonly ColumnData[]>();

/** Rows as a batch in memory: a template of so many rows, with their names and times. Building all columns anew would be slow. */
export function batchOfRows(table: TableName, rows: readonly Row[]): SealedBatch['batch'] {
  const key = `${table}/${rows.length}`;
  let template = TEMPLATES.get(key);
  if (template === undefined) {
    template = columnsOf(
      batchOf(
        table,
        rows.map(() => ({ timestamp: 0n })),
      ),
    );
    TEMPLATES.set(key, template);
  }
  const names = rows.map(([id]) => Buffer.from(id));
  const offsets = new Int32Array(rows.length + 1);
  for (const [i, name] of names.entries()) offsets[i + 1] = offsets[i]! + name.length;
  const columns = [...template];
  const validity = new Uint8Array((rows.length + 7) >> 3).fill(255);
  columns[indexOf(table, NAME_OF[table]!)] = {
    length: rows.length,
    offsets,
    values: new Uint8Array(Buffer.concat(names)),
    ...(table === 'logs' && { validity }),
  };
  columns[indexOf(table, 'timestamp')] = {
    length: rows.length,
    values: BigInt64Array.from(rows, ([, ms]) => BigInt(ms) * NS),
  };
  return recordBatchOf(table, rows.length, columns);
}

export function rowsOfColumns(table: TableName, columns: readonly ColumnData[], length: number): Row[] {
  const names = textsOf({ ...columns[indexOf(table, NAME_OF[table]!)]!, length });
  const times = columns[indexOf(table, 'timestamp')]!.values as BigInt64Array;
  return names.map((name, i) => [name, Number(times[i]! / NS)]);
}

export function rowsOfBatch(table: TableName, batch: SealedBatch['batch']): Row[] {
  return rowsOfColumns(table, columnsOf(batch), batch.numRows);
}

/** What the catalog keeps of a file's times. */
export function timesOf(rows: readonly Row[]): { minTimestampNs: bigint; maxTimestampNs: bigint } {
  const times = rows.map(([, ms]) => ms);
  return {
    minTimestampNs: BigInt(Math.min(...times)) * NS,
    maxTimestampNs: BigInt(Math.max(...times)) * NS,
  };
}

function indexOf(table: TableName, name: string): number {
  return TABLES[table].findIndex((column) => column.name === name);
}

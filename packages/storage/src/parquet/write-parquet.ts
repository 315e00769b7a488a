import { freeBuffer } from '@openwit/ports';
import type { RecordBatch } from 'apache-arrow';
import { Compression, EnabledStatistics, Table, WriterPropertiesBuilder, wasmMemory, writeParquet } from 'parquet-wasm';
import { ConstantColumns } from './constant-columns.ts';
import type { EncodedBatch } from './encode-batch.ts';
import { IpcBuffer } from './ipc-buffer.ts';
import { ParquetAssembler } from './parquet-assembler.ts';
import { SORT_COLUMNS } from './sort-order.ts';

/** How the pages of active files are compressed: lz4 costs the least CPU, zstd half the bytes. */
export type ParquetCompression = 'lz4' | 'zstd' | 'none';

const COMPRESSIONS: Record<ParquetCompression, Compression> = {
  lz4: Compression.LZ4_RAW,
  zstd: Compression.ZSTD,
  none: Compression.UNCOMPRESSED,
};

/**
 * Compaction reads a file by ranges of its sort key, a few thousand rows each. Row groups much smaller would cost it more
 * in metadata than they save; small pages keep small what a reader holds of each column, and cost nothing.
 */
const MAX_ROWS_PER_GROUP = 10_000;
const PAGE_BYTES = 64 * 1024;
/** Past it the writer falls back to plain values; a batch has no more text than this. */
const DICTIONARY_BYTES = 64 << 20;

/**
 * Writes a batch as one Parquet file. Dictionaries are for a few columns: for all they triple the time, and compaction
 * writes them later. Columns that are constant cost nothing a row.
 */
export function toParquet(
  { table, batch, constants, columns, wideColumns }: WritableBatch,
  compression: ParquetCompression,
  ipc: IpcBuffer = new IpcBuffer(),
): Uint8Array<ArrayBuffer> {
  // Both the table and the properties are consumed, and freed, by the call.
  const written = writeParquet(
    Table.fromIPCStream(ipc.encode(batch)),
    properties(batch, [...FEW_VALUES, ...wideColumns], compression),
  );
  const parts: Uint8Array[] = [];
  const settings = { columns, sortColumns: SORT_COLUMNS[table], compresses: false };
  const assembler = new ParquetAssembler((bytes) => void parts.push(bytes), settings);
  assembler.add(written, constants.numCols > 0 ? [constantColumns(constants, ipc)] : []);
  const { sizeBytes } = assembler.finish();
  const file = joined(parts, sizeBytes);
  freeBuffer(written);
  return file;
}

type WritableBatch = Pick<EncodedBatch, 'table' | 'batch' | 'constants' | 'columns' | 'wideColumns'>;

/** In memory of its own, so that it can be transferred to another thread: what is small is otherwise from a pool. */
function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function constantColumns(row: RecordBatch, ipc: IpcBuffer): ConstantColumns {
  const properties = new WriterPropertiesBuilder()
    .setCompression(Compression.UNCOMPRESSED)
    .setDictionaryEnabled(false)
    .setStatisticsEnabled(EnabledStatistics.Chunk)
    .build();
  return new ConstantColumns(writeParquet(Table.fromIPCStream(ipc.encode(row)), properties));
}

/** What the writer's WebAssembly holds. */
export function wasmBytes(): number {
  return wasmMemory().buffer.byteLength;
}

function properties(batch: RecordBatch, withDictionary: readonly string[], compression: ParquetCompression) {
  let builder = new WriterPropertiesBuilder()
    .setCompression(COMPRESSIONS[compression])
    .setDictionaryEnabled(false)
    .setDictionaryPageSizeLimit(DICTIONARY_BYTES)
    .setMaxRowGroupSize(MAX_ROWS_PER_GROUP)
    .setDataPageSizeLimit(PAGE_BYTES)
    .setStatisticsEnabled(EnabledStatistics.None);
  for (const column of withDictionary) builder = builder.setColumnDictionaryEnabled(column, true);
  for (const column of INCOMPRESSIBLE) builder = builder.setColumnCompression(column, Compression.UNCOMPRESSED);
  for (const { name, type } of batch.schema.fields) {
    if (SCALAR_TYPES.test(String(type))) builder = builder.setColumnStatisticsEnabled(name, EnabledStatistics.Chunk);
  }
  return builder.build();
}

/** What queries group and filter by. With a dictionary DuckDB groups a million rows in half the time. */
const FEW_VALUES = ['service_name', 'span_name', 'span_kind', 'status_code', 'severity_text', 'metric_name'];

/** A span's id is random and never comes again: looking for it costs most of all columns, and saves 3 of 20 bytes. */
const INCOMPRESSIBLE = ['span_id'];

/** Statistics of numbers are nearly free; of text they cost a third of the whole write. */
const SCALAR_TYPES = /^(Timestamp|Int|Uint|Float|Bool)/;

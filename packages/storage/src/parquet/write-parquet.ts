import type { RecordBatch } from 'apache-arrow';
import { Compression, EnabledStatistics, Table, WriterPropertiesBuilder, wasmMemory, writeParquet } from 'parquet-wasm';
import type { EncodedBatch } from './encode-batch.ts';
import { footerBytes } from './footer-bytes.ts';
import { IpcBuffer } from './ipc-buffer.ts';

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
 * writes them later.
 */
export function toParquet(
  { batch, wideColumns }: Pick<EncodedBatch, 'batch' | 'wideColumns'>,
  compression: ParquetCompression,
  ipc: IpcBuffer = new IpcBuffer(),
): Uint8Array<ArrayBuffer> {
  const writerProperties = properties(batch, [...FEW_VALUES, ...wideColumns], compression);
  // Both the table and the properties are consumed, and freed, by the call.
  const parquet = writeParquet(Table.fromIPCStream(ipc.encode(batch)), writerProperties);
  hideArrowSchema(parquet);
  return parquet as Uint8Array<ArrayBuffer>;
}

/** What the writer's WebAssembly holds. */
export function wasmBytes(): number {
  return wasmMemory().buffer.byteLength;
}

const ARROW_SCHEMA_KEY = 'ARROW:schema';
const UNUSED_KEY = 'ARROW:unused';

/**
 * The writer cannot leave out the Arrow schema of its input. With dictionaries in it some readers (Sail 0.7) find two
 * schemas in one file, so it goes by another name; all that it tells of is in Parquet's own schema. Its key is the last
 * of its kind in the footer: columns, which may be named alike, come before it.
 */
function hideArrowSchema(parquet: Uint8Array): void {
  const end = parquet.byteOffset + parquet.length;
  const footer = Buffer.from(parquet.buffer as ArrayBuffer, end - 8 - footerBytes(parquet), footerBytes(parquet));
  const at = footer.lastIndexOf(ARROW_SCHEMA_KEY);
  if (at >= 0) footer.write(UNUSED_KEY, at);
}

function properties(batch: RecordBatch, withDictionary: readonly string[], compression: ParquetCompression) {
  let builder = new WriterPropertiesBuilder()
    .setCreatedBy('openwit')
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

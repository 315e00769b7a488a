import { freeBuffer, SharedBuffers, type TableName } from '@openwit/ports';
import type { RecordBatch } from 'apache-arrow';
import {
  Compression,
  EnabledStatistics,
  Encoding,
  Table,
  type WriterProperties,
  WriterPropertiesBuilder,
  wasmMemory,
  writeParquet,
} from 'parquet-wasm';
import { columnParts } from './column-parts.ts';
import { ConstantColumns } from './constant-columns.ts';
import { type EncodedBatch, FEW_VALUES } from './encode-batch.ts';
import type { ParquetCompression } from './encode-protocol.ts';
import { fileParts } from './file-parts.ts';
import { GroupedColumns } from './grouped-columns.ts';
import { IpcBuffer } from './ipc-buffer.ts';
import type { MadeColumns } from './made-chunk.ts';
import { ParquetAssembler, type PieceFile } from './parquet-assembler.ts';
import { PageMemory, PlainColumns, type PlainValues } from './plain-columns.ts';
import { ShrinkingColumns } from './shrinking-columns.ts';
import { SORT_COLUMNS } from './sort-order.ts';

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

/** Of columns that are given to the writer together. It holds them twice, and its memory never shrinks. */
const MOST_BYTES_A_CALL = 1 << 20;

export interface ParquetFile {
  readonly parts: readonly Uint8Array<SharedArrayBuffer>[];
  readonly sizeBytes: number;
  readonly footerBytes: number;
}

type WritableBatch = Pick<
  EncodedBatch,
  'table' | 'batch' | 'row' | 'grouped' | 'plain' | 'sample' | 'columns' | 'withNan'
>;

/**
 * Writes batches as Parquet files, one a batch. Dictionaries are for a few columns: for all they triple the time, and compaction
 * writes them later. Columns of groups cost an index a row, those that are constant nothing.
 */
export class BatchWriter {
  readonly #ipc = new IpcBuffer();
  readonly #shrinking = new Map<TableName, ShrinkingColumns>();
  readonly #memory: SharedBuffers;

  /** @param memory where the files are */
  constructor(memory: SharedBuffers = new SharedBuffers()) {
    this.#memory = memory;
  }

  toParquet(encoded: WritableBatch, compression: ParquetCompression): ParquetFile {
    const { table, row, grouped, sample, columns, withNan } = encoded;
    // Pages that are compressed are the writer's.
    const plain = compression === 'none' ? encoded.plain : [];
    const batch = withoutColumns(encoded.batch, plain);
    const shrinking = this.#shrinkingColumns(table);
    const written = columnParts(batch, MOST_BYTES_A_CALL).map((part) =>
      this.#moved(this.#write(part, propertiesOf(part, compression, shrinking, withNan))),
    );
    const pieceFiles = written.map(pieceFile);
    const pieces: Uint8Array[] = [];
    const settings = { columns, sortColumns: SORT_COLUMNS[table], compresses: false };
    const assembler = new ParquetAssembler((bytes) => void pieces.push(bytes), settings);
    const made: MadeColumns[] = row.numCols === 0 ? [] : [new GroupedColumns(this.#columnsOfRow(row), grouped)];
    if (plain.length > 0) {
      const pages = new PageMemory(plain, this.#memory);
      made.push(new PlainColumns(this.#columnsOfRow(sample), plain, pages));
      written.push(pages.bytes);
    }
    shrinking.learn(assembler.add(pieceFiles, made));
    const { sizeBytes, footerBytes } = assembler.finish();
    return { parts: fileParts(pieces, written, this.#memory), sizeBytes, footerBytes };
  }

  #moved(bytes: Uint8Array): Uint8Array<SharedArrayBuffer> {
    const moved = this.#memory.take(bytes.length);
    moved.set(bytes);
    freeBuffer(bytes);
    return moved;
  }

  #write(batch: RecordBatch, properties: WriterProperties): Uint8Array<ArrayBuffer> {
    // Both the table and the properties are consumed, and freed, by the call.
    return writeParquet(Table.fromIPCStream(this.#ipc.encode(batch)), properties) as Uint8Array<ArrayBuffer>;
  }

  #shrinkingColumns(table: TableName): ShrinkingColumns {
    const known = this.#shrinking.get(table) ?? new ShrinkingColumns();
    this.#shrinking.set(table, known);
    return known;
  }

  #columnsOfRow(row: RecordBatch): ConstantColumns {
    const properties = new WriterPropertiesBuilder()
      .setCompression(Compression.UNCOMPRESSED)
      .setDictionaryEnabled(false)
      .setStatisticsEnabled(EnabledStatistics.Chunk)
      .build();
    return new ConstantColumns(this.#write(row, properties));
  }
}

function withoutColumns(batch: RecordBatch, columns: readonly PlainValues[]): RecordBatch {
  const names = new Set(columns.map(({ column }) => column.name));
  const rest = batch.schema.fields.flatMap(({ name }, i) => (names.has(name) ? [] : [i]));
  return names.size === 0 ? batch : batch.selectAt(rest);
}

function pieceFile(bytes: Uint8Array): PieceFile {
  return { sizeBytes: bytes.length, read: (start, end) => bytes.subarray(start, end) };
}

/** What the writer's WebAssembly holds. */
export function wasmBytes(): number {
  return wasmMemory().buffer.byteLength;
}

function propertiesOf(
  batch: RecordBatch,
  compression: ParquetCompression,
  shrinking: ShrinkingColumns,
  withNan: ReadonlySet<string>,
) {
  let builder = new WriterPropertiesBuilder()
    .setCompression(COMPRESSIONS[compression])
    .setDictionaryEnabled(false)
    .setDictionaryPageSizeLimit(DICTIONARY_BYTES)
    .setMaxRowGroupSize(MAX_ROWS_PER_GROUP)
    .setDataPageSizeLimit(PAGE_BYTES)
    .setStatisticsEnabled(EnabledStatistics.None);
  for (const { name, type } of batch.schema.fields) {
    const words = String(type);
    // The writer leaves NaN out of the bounds; readers that take it for the greatest value, as DuckDB does, would skip it.
    if (SCALAR_TYPES.test(words) && !withNan.has(name))
      builder = builder.setColumnStatisticsEnabled(name, EnabledStatistics.Chunk);
    if (FEW_VALUES.includes(name)) builder = builder.setColumnDictionaryEnabled(name, true);
    else if (TEXT_TYPES.test(words)) builder = builder.setColumnEncoding(name, Encoding.DELTA_LENGTH_BYTE_ARRAY);
    if (INTEGER_TYPES.test(words)) builder = builder.setColumnEncoding(name, Encoding.DELTA_BINARY_PACKED);
    // What is packed hardly shrinks.
    if (INTEGER_TYPES.test(words) || !shrinking.isWorth(name)) {
      builder = builder.setColumnCompression(name, Compression.UNCOMPRESSED);
    }
  }
  return builder.build();
}

/** Statistics of numbers are nearly free; of text they cost a third of the whole write. */
const SCALAR_TYPES = /^(Timestamp|Int|Uint|Float|Bool)/;
const TEXT_TYPES = /^(Utf8|Dictionary)/;
const INTEGER_TYPES = /^(Timestamp|Int|Uint)/;

import { type FileColumnStats, OpenWitError } from '@openwit/ports';
import { MergedStats } from '../compaction/merged-stats.ts';
import { metaOf } from '../parquet/file-schema.ts';
import type { MadeChunk } from '../parquet/made-chunk.ts';
import { FILE, GROUP } from '../parquet/metadata-fields.ts';
import { ColumnCodecs } from '../parquet/page-compression.ts';
import { type AssembledFile, ParquetAssembler } from '../parquet/parquet-assembler.ts';
import { Scratch } from '../parquet/scratch.ts';
import type { StoredColumn } from '../parquet/stored-layout.ts';
import { structsIn } from '../parquet/thrift.ts';
import { type KeyInput, KeyRuns, type TimeSpan } from './key-runs.ts';
import type { LeafFile } from './leaf-file.ts';
import type { RowSpan } from './leaf-pages.ts';
import { topFieldIds } from './leaf-schema.ts';
import type { LeafPage } from './leaf-values.ts';
import { GroupMemory, LeafWriter, type WrittenChunk } from './leaf-writer.ts';
import { type Piece, PieceBuilder } from './piece.ts';
import { PieceColumn } from './piece-column.ts';
import { UnknownForm } from './unknown-form.ts';

/** As DuckDB has them. */
const ROW_GROUP_ROWS = 20 * 1024;

export interface LeafMergeSettings {
  /** The columns of the files and of the merged one, in its order. */
  readonly layout: readonly StoredColumn[];
  readonly sortColumns: readonly string[];
  readonly fieldIdOf: (column: StoredColumn) => number;
  /** Lists and maps that are empty in every row. */
  readonly emptyColumns: ReadonlySet<string>;
  /** Bytes of rows, without compression, that are in memory at a time. */
  readonly pieceBytes: number;
  /** The most rows of a row group. */
  readonly maxRows: number;
  readonly isStopped: () => boolean;
}

export interface LeafMerged extends AssembledFile {
  readonly minTimestampNs: bigint;
  readonly maxTimestampNs: bigint;
  readonly columnStats: readonly FileColumnStats[];
}

/**
 * Merges files that have the same columns and are in the order of their key. No row is looked at but for its key: what stands
 * together in a file and in the merged one is copied together, leaf by leaf, whatever columns the leaves are of.
 * @param inputs at least one
 * @param write takes the merged file from its start on
 * @returns undefined when no row is of the time
 * @throws UnknownForm, when nothing or a part has been written; closed / CLOSED
 */
export function mergeLeaves(
  inputs: readonly KeyInput[],
  span: TimeSpan,
  settings: LeafMergeSettings,
  write: (bytes: Uint8Array) => void,
): LeafMerged | undefined {
  return new LeafMerge(inputs, span, settings, write).run();
}

class LeafMerge {
  readonly #files: readonly LeafFile[];
  readonly #settings: LeafMergeSettings;
  readonly #runs: KeyRuns;
  readonly #assembler: ParquetAssembler;
  readonly #stats: MergedStats;
  readonly #writers: readonly LeafWriter[];
  readonly #columns: readonly (StoredColumn | undefined)[];
  readonly #like;
  /** By leaf, a page that stands for all rows, where all have the same. */
  readonly #constant: readonly (LeafPage | undefined)[];
  readonly #column: PieceColumn;
  readonly #memory = new Scratch();
  readonly #builder: PieceBuilder;
  /** The first row of the run that is not taken yet. */
  #at = 0;

  constructor(
    inputs: readonly KeyInput[],
    span: TimeSpan,
    settings: LeafMergeSettings,
    write: (bytes: Uint8Array) => void,
  ) {
    this.#files = inputs.map(({ file }) => file);
    this.#settings = settings;
    const [first] = this.#files as [LeafFile];
    const { layout, sortColumns, fieldIdOf } = settings;
    const { leaves } = first;
    const leafOf = (name: string) => leaves.findIndex(({ path }) => path.length === 1 && path[0] === name);
    const names = sortColumns.slice(0, -1).map(leafOf);
    this.#runs = new KeyRuns(inputs, { names, time: leafOf(sortColumns.at(-1)!) }, span);
    this.#assembler = new ParquetAssembler(write, { columns: layout.map(({ name }) => name), sortColumns });
    const single = layout.filter(({ children }) => children.length === 0);
    this.#stats = new MergedStats(single, fieldIdOf);
    this.#like = first.footer();
    const ids = topFieldIds(this.#like);
    if (layout.some((column) => ids.get(column.name) !== fieldIdOf(column))) throw new UnknownForm('other field ids');
    const [group] = structsIn(this.#like, FILE.rowGroups);
    if (group === undefined) throw new UnknownForm('a file without rows');
    const metas = structsIn(group, GROUP.columns).map(metaOf);
    const codecs = new ColumnCodecs();
    // A leaf takes no more than its piece, but where texts were shared in its file.
    const mostTextBytes = 2 * settings.pieceBytes;
    const memory = new GroupMemory(mostTextBytes);
    const columnOf = new Map(single.map((column) => [column.name, column]));
    this.#columns = leaves.map(({ path }) => (path.length === 1 ? columnOf.get(path[0]!) : undefined));
    this.#writers = leaves.map((leaf, i) => {
      return new LeafWriter({ leaf, meta: metas[i]!, type: this.#columns[i]?.type }, codecs, memory);
    });
    this.#column = new PieceColumn(leaves[0]!, mostTextBytes);
    this.#builder = new PieceBuilder(this.#files.length);
    this.#constant = leaves.map((_, i) => this.#constantPage(i));
  }

  run(): LeafMerged | undefined {
    for (let piece = this.#nextPiece(); piece !== undefined; piece = this.#nextPiece()) {
      const chunks = this.#writers.map((_, leaf) => this.#leafOf(leaf, piece));
      piece.groups.forEach(({ length }, i) => {
        this.#assembler.addGroup(this.#like, length, this.#byColumn(chunks.map((ofLeaf) => ofLeaf[i]!)));
      });
    }
    const { minTimestampNs, maxTimestampNs } = this.#runs;
    if (minTimestampNs === undefined || maxTimestampNs === undefined) return undefined;
    return { ...this.#assembler.finish(), minTimestampNs, maxTimestampNs, columnStats: this.#stats.finish() };
  }

  #constantPage(leaf: number): LeafPage | undefined {
    const [first] = this.#files as [LeafFile];
    const { path } = first.leaves[leaf]!;
    const constant = first.constant(leaf);
    const isConstant = constant !== undefined && this.#files.every((file) => file.constant(leaf) === constant);
    if (!isConstant && !this.#settings.emptyColumns.has(path[0]!)) return undefined;
    const [page] = [...first.pages(leaf, [{ from: 0, to: 1 }], new Scratch())].flat();
    if (page === undefined) return undefined;
    // Of what is not one run the page would be as long as its rows.
    const { levels, values } = page;
    const isOne =
      levels === undefined && (values.length === 0 || (values.kind === 'indexed' && values.indices === undefined));
    return isOne ? page : undefined;
  }

  /** So many runs as the memory takes; the last row group may be smaller than the others. */
  #nextPiece(): Piece | undefined {
    this.#checkStop();
    const { pieceBytes, maxRows } = this.#settings;
    const most = Math.min(ROW_GROUP_ROWS, maxRows);
    const piece = this.#builder;
    for (let bytes = 0; bytes < pieceBytes && this.#hasRun(); ) {
      const { input, to } = this.#runs;
      const { rowBytes } = this.#files[input]!;
      const fitting = Math.max(1, Math.floor((pieceBytes - bytes) / rowBytes));
      const rows = Math.min(to - this.#at, most - piece.openRows, fitting);
      piece.add(input, this.#at, this.#at + rows);
      if (piece.openRows === most) piece.close();
      this.#at += rows;
      bytes += rows * rowBytes;
    }
    return piece.finish();
  }

  /** True when some of the run is not taken yet, or there is another. */
  #hasRun(): boolean {
    if (this.#at < this.#runs.to) return true;
    if (!this.#runs.next()) return false;
    this.#at = this.#runs.from;
    return true;
  }

  /** The chunks of one leaf, a row group each. */
  #leafOf(leaf: number, piece: Piece): MadeChunk[] {
    this.#checkStop();
    const writer = this.#writers[leaf]!;
    const column = this.#column;
    writer.begin(column);
    const constant = this.#constant[leaf];
    if (constant !== undefined) column.append(constant, 0, piece.rows);
    else this.#read(leaf, piece);
    if (column.rows !== piece.rows) throw new UnknownForm('a leaf with other rows than the key');
    writer.read(column);
    return piece.groups.map((runs) => this.#noted(leaf, runs.length, writer.chunk(column, runs)));
  }

  #read(leaf: number, { spans }: Piece): void {
    for (const [input, own] of spans.entries()) {
      let next = 0;
      for (const page of this.#pages(leaf, input, own)) {
        const end = page.firstRow + page.rows;
        while (next < own.length && own[next]!.to <= page.firstRow) next++;
        for (let i = next; i < own.length && own[i]!.from < end; i++) {
          const from = Math.max(page.firstRow, own[i]!.from);
          this.#column.append(page, from - page.firstRow, Math.min(end, own[i]!.to) - page.firstRow);
        }
      }
    }
  }

  *#pages(leaf: number, input: number, spans: readonly RowSpan[]): Generator<LeafPage> {
    for (const pages of this.#files[input]!.pages(leaf, spans, this.#memory)) yield* pages;
  }

  #checkStop(): void {
    if (this.#settings.isStopped()) throw new OpenWitError('closed', 'CLOSED', 'the merge was stopped');
  }

  #noted(leaf: number, rows: number, { chunk, stats }: WrittenChunk): MadeChunk {
    const column = this.#columns[leaf];
    if (column === undefined || stats === undefined) return chunk;
    const { valueCount, containsNan, bounds } = stats;
    this.#stats.addPart(column, {
      valueCount,
      nullCount: rows - valueCount,
      containsNan,
      ...(bounds && { min: bounds.minText, max: bounds.maxText }),
    });
    return chunk;
  }

  #byColumn(chunks: readonly MadeChunk[]): Map<string, MadeChunk[]> {
    const columns = new Map<string, MadeChunk[]>();
    const { leaves } = this.#files[0]!;
    chunks.forEach((chunk, i) => {
      const name = leaves[i]!.path[0]!;
      const known = columns.get(name);
      if (known === undefined) columns.set(name, [chunk]);
      else known.push(chunk);
    });
    return columns;
  }
}

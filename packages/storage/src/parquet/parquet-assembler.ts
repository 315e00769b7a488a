import { metaOf, pathOf, type SchemaColumn, schemaColumns, schemaOf } from './file-schema.ts';
import { footerBytes, TAIL_BYTES } from './footer-bytes.ts';
import type { MadeChunk, MadeColumns, RowRange } from './made-chunk.ts';
import { CHUNK, ELEMENT, FILE, GROUP, META, PAGE, PAGE_TYPE, SORTING } from './metadata-fields.ts';
import { ColumnCodecs, freeOutput, type PageCodec } from './page-compression.ts';
import { chunkRange, type Page, pagesOf } from './parquet-pages.ts';
import {
  binary,
  i32,
  i64,
  integer,
  readThrift,
  structList,
  structsIn,
  type ThriftStruct,
  thriftStruct,
  withFields,
  writeThrift,
} from './thrift.ts';

/** A number of 16 bits, and optional. */
const MOST_ORDINAL = 2 ** 15 - 1;
const MAGIC = Buffer.from('PAR1');

/** A whole Parquet file, read by parts. */
export interface PieceFile {
  readonly sizeBytes: number;
  /** Valid until the next call. */
  read(start: number, end: number): Uint8Array;
}

/** A row group of one of a piece's files. */
interface WrittenGroup {
  readonly file: PieceFile;
  readonly group: ThriftStruct;
}

/** A column at the top, its pages in the file already. */
interface WrittenColumn {
  readonly name: string;
  readonly chunks: readonly WrittenChunk[];
}

interface WrittenChunk {
  readonly chunk: ThriftStruct;
  /** Its bloom filter, with the header. */
  readonly filter: (() => Uint8Array) | undefined;
}

export interface AssembledFile {
  readonly rows: number;
  readonly sizeBytes: number;
  readonly footerBytes: number;
}

export interface AssemblerSettings {
  /** The columns at the top, in order. */
  readonly columns: readonly string[];
  /** What the rows are ordered by. */
  readonly sortColumns: readonly string[];
  /** False where the pieces' pages are compressed already, and stay as they are. Default true. */
  readonly compresses?: boolean;
}

/**
 * Makes one Parquet file of many: the row groups of all, one behind the other, under one footer; beside the columns of a
 * piece stand those that are made for it. The pieces of a merge are written uncompressed; here their pages are
 * compressed, each column as suits it. Memory is one column chunk and the metadata of all.
 */
export class ParquetAssembler {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #settings: AssemblerSettings;
  readonly #codecs = new ColumnCodecs();
  #at = 0;
  #rows = 0;
  /** The first piece's footer without its row groups. */
  #first: Uint8Array | undefined;
  /** As bytes: as objects the metadata of a large file would take twenty times as much. */
  readonly #rowGroups: Uint8Array[] = [];

  /** @param write takes the file from its start on */
  constructor(write: (bytes: Uint8Array) => void, settings: AssemblerSettings) {
    this.#write = write;
    this.#settings = settings;
    this.#append(MAGIC);
  }

  /**
   * Adds the row groups of a piece.
   * @param piece files with the same rows in the same row groups, each with other columns
   * @param made the columns that none of them has
   * @returns the metadata of its row groups
   * @throws data / STORE_CORRUPTION; internal / INTERNAL for pages of another form
   */
  add(piece: readonly PieceFile[], made: readonly MadeColumns[] = []): readonly ThriftStruct[] {
    const footers = piece.map((file) => readThrift(footerOf(file)).struct);
    const [first] = footers as [ThriftStruct];
    this.#first ??= Uint8Array.from(writeThrift(this.#withoutRows(footers, made)));
    this.#rows += integer(first, FILE.rows)!;
    const groups = footers.map((footer) => structsIn(footer, FILE.rowGroups));
    let from = 0;
    return groups[0]!.map((group, i) => {
      const rows = { from, count: integer(group, GROUP.rows)! };
      from += rows.count;
      const written = piece.map((file, k) => ({ file, group: groups[k]![i]! }));
      const added = this.#rowGroup(written, rows, made);
      this.#rowGroups.push(Uint8Array.from(writeThrift(added)));
      return added;
    });
  }

  /**
   * Adds a row group of which all chunks are made.
   * @param like any file with the same columns
   * @param chunks by the columns at the top, in the order of their leaves
   */
  addGroup(like: ThriftStruct, rows: number, chunks: ReadonlyMap<string, readonly MadeChunk[]>): void {
    this.#first ??= Uint8Array.from(writeThrift(this.#withoutRows([like], [])));
    this.#rows += rows;
    const start = this.#at;
    const written = Array.from(chunks, ([name, made]) => this.#made(name, made));
    const group = this.#groupOf(thriftStruct({ [GROUP.rows]: i64(rows) }), start, written);
    this.#rowGroups.push(Uint8Array.from(writeThrift(group)));
  }

  /** Writes the footer. At least one piece or row group must have been added. */
  finish(): AssembledFile {
    const footer = writeThrift(
      withFields(readThrift(this.#first!).struct, {
        [FILE.rows]: i64(this.#rows),
        [FILE.rowGroups]: structList(this.#rowGroups.map((bytes) => ({ type: 'encoded', bytes }))),
        [FILE.keyValues]: undefined,
        [FILE.createdBy]: binary('openwit'),
      }),
    );
    this.#append(footer);
    const tail = Buffer.alloc(TAIL_BYTES);
    tail.writeUInt32LE(footer.length);
    tail.set(MAGIC, 4);
    this.#append(tail);
    return { rows: this.#rows, sizeBytes: this.#at, footerBytes: footer.length };
  }

  #withoutRows(footers: readonly ThriftStruct[], made: readonly MadeColumns[]): ThriftStruct {
    const [first] = footers as [ThriftStruct];
    const [root] = structsIn(first, FILE.schema) as [ThriftStruct];
    const columns = this.#inOrder([
      ...footers.flatMap((footer) => schemaColumns(structsIn(footer, FILE.schema))),
      ...made.flatMap(({ columns }) => columns),
    ]);
    const orders = structsIn(first, FILE.columnOrders);
    const leaves = columns.reduce((sum, column) => sum + leavesOf(column), 0);
    return withFields(first, {
      [FILE.schema]: structList(schemaOf(root, columns)),
      [FILE.rowGroups]: undefined,
      [FILE.columnOrders]:
        orders.length === 0 ? undefined : structList(Array.from({ length: leaves }, () => orders[0]!)),
    });
  }

  #inOrder<T extends { readonly name: string }>(columns: readonly T[]): T[] {
    const byName = new Map(columns.map((column) => [column.name, column]));
    return this.#settings.columns.map((name) => byName.get(name)!);
  }

  #rowGroup(written: readonly WrittenGroup[], rows: RowRange, made: readonly MadeColumns[]): ThriftStruct {
    const start = this.#at;
    const varying = written.flatMap(({ file, group }) => {
      const columns = Map.groupBy(structsIn(group, GROUP.columns), (chunk) => pathOf(chunk)[0]!);
      return Array.from(columns, ([name, chunks]) => ({
        name,
        chunks: chunks.map((chunk) => this.#moved(chunk, file)),
      }));
    });
    const added = made.flatMap((columns) =>
      columns.columns.map(({ name }) => this.#made(name, columns.chunks(name, rows))),
    );
    return this.#groupOf(written[0]!.group, start, [...varying, ...added]);
  }

  /** The filters lie behind a row group's pages. */
  #groupOf(group: ThriftStruct, start: number, columns: readonly WrittenColumn[]): ThriftStruct {
    const compressedBytes = this.#at - start;
    const chunks = this.#inOrder(columns).flatMap((column) => column.chunks.map((chunk) => this.#filtered(chunk)));
    const totalBytes = chunks.reduce((sum, chunk) => sum + integer(metaOf(chunk), META.uncompressedBytes)!, 0);
    return withFields(group, {
      [GROUP.columns]: structList(chunks),
      [GROUP.totalBytes]: i64(totalBytes),
      [GROUP.sorting]: structList(this.#sorting(chunks)),
      [GROUP.fileOffset]: i64(start),
      [GROUP.compressedBytes]: i64(compressedBytes),
      [GROUP.ordinal]:
        this.#rowGroups.length > MOST_ORDINAL ? undefined : { type: 'i16', value: this.#rowGroups.length },
    });
  }

  #made(name: string, chunks: readonly MadeChunk[]): WrittenColumn {
    return { name, chunks: chunks.map((chunk) => this.#madeChunk(chunk)) };
  }

  #madeChunk({ pages, meta, hasDictionary, bloomFilter }: MadeChunk): WrittenChunk {
    const start = this.#at;
    for (const page of pages) this.#append(page);
    const dataPage = hasDictionary ? start + pages[0]!.length : start;
    const dictionaryPage = hasDictionary ? i64(start) : undefined;
    const placed = withFields(meta, { [META.dataPage]: i64(dataPage), [META.dictionaryPage]: dictionaryPage });
    return { chunk: chunkOf(placed), filter: bloomFilter && (() => bloomFilter) };
  }

  #moved(chunk: ThriftStruct, piece: PieceFile): WrittenChunk {
    const meta = metaOf(chunk);
    const from = integer(meta, META.bloom);
    const to = from === undefined ? 0 : from + integer(meta, META.bloomBytes)!;
    return {
      chunk: this.#settings.compresses === false ? this.#kept(chunk, piece) : this.#compressed(chunk, piece),
      filter: from === undefined ? undefined : () => piece.read(from, to),
    };
  }

  /** A chunk at its new place. */
  #kept(chunk: ThriftStruct, piece: PieceFile): ThriftStruct {
    const meta = metaOf(chunk);
    const { start, end } = chunkRange(meta);
    const moved = (field: number) => {
      const offset = integer(meta, field);
      return offset === undefined ? undefined : i64(offset - start + this.#at);
    };
    const offsets = { [META.dataPage]: moved(META.dataPage), [META.dictionaryPage]: moved(META.dictionaryPage) };
    this.#append(piece.read(start, end));
    return chunkOf(withFields(meta, offsets));
  }

  #compressed(chunk: ThriftStruct, piece: PieceFile): ThriftStruct {
    const meta = metaOf(chunk);
    const range = chunkRange(meta);
    const pages = pagesOf(piece.read(range.start, range.end));
    const isDictionary = pages[0]!.type === PAGE_TYPE.dictionary;
    const codec = this.#codecs.of(
      `${pathOf(chunk).join('.')} ${isDictionary}`,
      pages.map(({ body }) => body),
    );
    const start = this.#at;
    let dictionaryPage: number | undefined;
    let dataPage: number | undefined;
    let uncompressedBytes = 0;
    for (const page of pages) {
      if (page.type === PAGE_TYPE.dictionary) dictionaryPage ??= this.#at;
      else dataPage ??= this.#at;
      uncompressedBytes += this.#page(page, codec);
    }
    return chunkOf(
      withFields(meta, {
        [META.codec]: i32(codec.id),
        [META.uncompressedBytes]: i64(uncompressedBytes),
        [META.compressedBytes]: i64(this.#at - start),
        [META.dataPage]: i64(dataPage!),
        [META.dictionaryPage]: dictionaryPage === undefined ? undefined : i64(dictionaryPage),
      }),
    );
  }

  /** @returns the page's bytes with its header, as they would be without compression: so Parquet counts them */
  #page({ header, body }: Page, codec: PageCodec): number {
    const compressed = codec.compress(body);
    const bytes = writeThrift(withFields(header, { [PAGE.compressedBytes]: i32(compressed.length) }));
    this.#append(bytes);
    this.#append(compressed);
    if (compressed !== body) freeOutput(compressed);
    return bytes.length + body.length;
  }

  #filtered({ chunk, filter }: WrittenChunk): ThriftStruct {
    if (filter === undefined) return chunk;
    const start = this.#at;
    this.#append(filter());
    const place = { [META.bloom]: i64(start), [META.bloomBytes]: i32(this.#at - start) };
    return chunkOf(withFields(metaOf(chunk), place));
  }

  #sorting(chunks: readonly ThriftStruct[]): ThriftStruct[] {
    const paths = chunks.map((chunk) => pathOf(chunk).join('.'));
    return this.#settings.sortColumns.map((name) =>
      thriftStruct({
        [SORTING.column]: i32(paths.indexOf(name)),
        [SORTING.descending]: { type: 'bool', value: false },
        [SORTING.nullsFirst]: { type: 'bool', value: false },
      }),
    );
  }

  #append(bytes: Uint8Array): void {
    this.#write(bytes);
    this.#at += bytes.length;
  }
}

/** Bytes of its own: the metadata is views into them. */
function footerOf(piece: PieceFile): Uint8Array {
  const tail = piece.sizeBytes - TAIL_BYTES;
  const length = footerBytes(piece.read(tail, piece.sizeBytes));
  return Uint8Array.from(piece.read(tail - length, tail));
}

/** Without what tells of places in another file. */
function chunkOf(meta: ThriftStruct): ThriftStruct {
  return thriftStruct({ [CHUNK.fileOffset]: i64(0), [CHUNK.meta]: meta });
}

function leavesOf({ elements }: SchemaColumn): number {
  return elements.filter((element) => (integer(element, ELEMENT.children) ?? 0) === 0).length;
}

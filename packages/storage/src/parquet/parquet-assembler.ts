import { OpenWitError } from '@openwit/ports';
import { footerBytes } from './footer-bytes.ts';
import { CHUNK, FILE, GROUP, META, PAGE, SORTING } from './metadata-fields.ts';
import { chooseCodec, freeOutput, type PageCodec } from './page-compression.ts';
import {
  binary,
  i32,
  i64,
  integer,
  readThrift,
  structList,
  structsIn,
  type ThriftStruct,
  type ThriftValue,
  withFields,
  writeThrift,
} from './thrift.ts';

const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;

const MAGIC = Buffer.from('PAR1');

export interface AssembledFile {
  readonly rows: number;
  readonly sizeBytes: number;
  readonly footerBytes: number;
}

/**
 * Makes one Parquet file of many: the row groups of all, one behind the other, under one footer. The pieces are written
 * uncompressed, with one schema; here their pages are compressed, each column as suits it. Memory is one piece and
 * the metadata of all.
 */
export class ParquetAssembler {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #sortColumns: readonly string[];
  #at = 0;
  #rows = 0;
  /** The first piece's footer without its row groups. As bytes of its own: what is read of a piece lies in the piece. */
  #first: Uint8Array | undefined;
  /** As bytes: as objects the metadata of a large file would take twenty times as much. */
  readonly #rowGroups: Uint8Array[] = [];

  /** @param write takes the file from its start on; @param sortColumns what the rows are ordered by */
  constructor(write: (bytes: Uint8Array) => void, sortColumns: readonly string[]) {
    this.#write = write;
    this.#sortColumns = sortColumns;
    this.#append(MAGIC);
  }

  /** Adds a whole Parquet file; its bytes may change afterwards. @throws data / STORE_CORRUPTION; internal / INTERNAL for pages of another form */
  add(piece: Uint8Array): void {
    const { struct } = readThrift(piece, piece.length - 8 - footerBytes(piece));
    this.#first ??= Uint8Array.from(writeThrift(withFields(struct, { [FILE.rowGroups]: undefined })));
    this.#rows += integer(struct, FILE.rows)!;
    for (const group of structsIn(struct, FILE.rowGroups)) {
      this.#rowGroups.push(Uint8Array.from(writeThrift(this.#rowGroup(group, piece))));
    }
  }

  /** Writes the footer. At least one piece must have been added. */
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
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(footer.length);
    tail.set(MAGIC, 4);
    this.#append(tail);
    return { rows: this.#rows, sizeBytes: this.#at, footerBytes: footer.length };
  }

  #rowGroup(group: ThriftStruct, piece: Uint8Array): ThriftStruct {
    const start = this.#at;
    const chunks = structsIn(group, GROUP.columns).map((chunk) => this.#columnChunk(chunk, piece));
    const compressedBytes = this.#at - start;
    const columns = chunks.map((chunk) => this.#bloomFilter(chunk, piece));
    return withFields(group, {
      [GROUP.columns]: structList(columns),
      [GROUP.sorting]: structList(this.#sorting(columns)),
      [GROUP.fileOffset]: i64(start),
      [GROUP.compressedBytes]: i64(compressedBytes),
      [GROUP.ordinal]: { type: 'i16', value: BigInt(this.#rowGroups.length) },
    });
  }

  #columnChunk(chunk: ThriftStruct, piece: Uint8Array): ThriftStruct {
    const meta = chunk.fields.get(CHUNK.meta) as ThriftStruct;
    const from = integer(meta, META.dictionaryPage) ?? integer(meta, META.dataPage)!;
    const pages = pagesOf(piece, from, integer(meta, META.compressedBytes)!);
    const codec = chooseCodec(pages.map(({ body }) => body));
    const start = this.#at;
    let dictionaryPage: number | undefined;
    let dataPage: number | undefined;
    let uncompressedBytes = 0;
    for (const page of pages) {
      if (page.type === DICTIONARY_PAGE) dictionaryPage ??= this.#at;
      else dataPage ??= this.#at;
      uncompressedBytes += this.#page(page, codec);
    }
    return withFields(chunk, {
      [CHUNK.fileOffset]: i64(0),
      [CHUNK.meta]: withFields(meta, {
        [META.codec]: i32(codec.id),
        [META.uncompressedBytes]: i64(uncompressedBytes),
        [META.compressedBytes]: i64(this.#at - start),
        [META.dataPage]: i64(dataPage!),
        [META.dictionaryPage]: dictionaryPage === undefined ? undefined : i64(dictionaryPage),
      }),
    });
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

  /** They lie behind a row group's pages. */
  #bloomFilter(chunk: ThriftStruct, piece: Uint8Array): ThriftStruct {
    const meta = chunk.fields.get(CHUNK.meta) as ThriftStruct;
    const from = integer(meta, META.bloom);
    if (from === undefined) return chunk;
    const start = this.#at;
    this.#append(piece.subarray(from, from + integer(meta, META.bloomBytes)!));
    return withFields(chunk, { [CHUNK.meta]: withFields(meta, { [META.bloom]: i64(start) }) });
  }

  #sorting(chunks: readonly ThriftStruct[]): ThriftStruct[] {
    const paths = chunks.map(pathOf);
    return this.#sortColumns.map((name) => ({
      type: 'struct',
      fields: new Map<number, ThriftValue>([
        [SORTING.column, i32(paths.indexOf(name))],
        [SORTING.descending, { type: 'bool', value: false }],
        [SORTING.nullsFirst, { type: 'bool', value: false }],
      ]),
    }));
  }

  #append(bytes: Uint8Array): void {
    this.#write(bytes);
    this.#at += bytes.length;
  }
}

interface Page {
  readonly type: number;
  readonly header: ThriftStruct;
  readonly body: Uint8Array;
}

function pagesOf(piece: Uint8Array, from: number, bytes: number): Page[] {
  const pages: Page[] = [];
  for (let at = from; at < from + bytes; ) {
    const { struct: header, end } = readThrift(piece, at);
    const type = integer(header, PAGE.type)!;
    const length = integer(header, PAGE.compressedBytes)!;
    if ((type !== DATA_PAGE && type !== DICTIONARY_PAGE) || length !== integer(header, PAGE.uncompressedBytes)) {
      throw new OpenWitError('internal', 'INTERNAL', `a page of an unknown form, type=${type}`);
    }
    pages.push({ type, header, body: piece.subarray(end, (at = end + length)) });
  }
  return pages;
}

/** The path of a leaf, its names joined by dots. */
function pathOf(chunk: ThriftStruct): string {
  const path = (chunk.fields.get(CHUNK.meta) as ThriftStruct).fields.get(META.path);
  const names = path?.type === 'list' ? path.values : [];
  return names.map((name) => (name.type === 'binary' ? Buffer.from(name.bytes).toString() : '')).join('.');
}

import type { SchemaColumn } from './file-schema.ts';
import { DATA, DICTIONARY, ENCODING, META, PAGE, PAGE_TYPE } from './metadata-fields.ts';
import { freeOutput, type PageCodec, UNCOMPRESSED } from './page-compression.ts';
import { i32, i32List, i64, type ThriftStruct, thriftStruct, writeThrift } from './thrift.ts';

/** The column chunk of one leaf that no writer wrote row by row. */
export interface MadeChunk {
  /** The dictionary's page, where there is one, and those of data; each with its header. */
  readonly pages: readonly Uint8Array[];
  /** Without the offsets of its pages. */
  readonly meta: ThriftStruct;
  readonly hasDictionary: boolean;
  /** With its header. */
  readonly bloomFilter?: Uint8Array | undefined;
}

export interface RowRange {
  readonly from: number;
  readonly count: number;
}

/** Columns that stand beside those of a file, and are made for any of its row groups. */
export interface MadeColumns {
  readonly columns: readonly SchemaColumn[];
  /** The chunks of a column, in the order of its leaves. */
  chunks(name: string, rows: RowRange): readonly MadeChunk[];
}

/** A page of data. */
export interface PageParts {
  /** Of the leaf: of a list each element is one, and no element too. */
  readonly rows: number;
  /** Of repetition, then of definition, where the column has them: encoded runs. */
  readonly levels: readonly Uint8Array[];
  /** Of the values that are not null: the bits of an index and its runs, or what the encoding has where there is no dictionary. */
  readonly values: readonly Uint8Array[];
}

export interface ChunkParts {
  /** One at least. What one has need not last until the next one. */
  readonly pages: Iterable<PageParts>;
  /** As PLAIN has them. */
  readonly dictionary?: { readonly count: number; readonly body: Uint8Array };
  /** Where there is no dictionary. Default PLAIN. */
  readonly encoding?: number;
  /** Chosen for the bodies of the pages. Default none. */
  readonly codecFor?: (bodies: readonly Uint8Array[]) => PageCodec;
  readonly statistics: ThriftStruct | undefined;
}

/** @param leaf the metadata of any chunk of the same column */
export function madeChunk(leaf: ThriftStruct, parts: ChunkParts): MadeChunk {
  const { dictionary, statistics } = parts;
  const hasDictionary = dictionary !== undefined;
  const encoding = hasDictionary ? ENCODING.rleDictionary : (parts.encoding ?? ENCODING.plain);
  const bodies: Uint8Array[] = [];
  const rows: number[] = [];
  for (const { rows: count, levels, values } of parts.pages) {
    bodies.push(Buffer.concat([...levels.flatMap((runs) => [lengthOf(runs), runs]), ...values]));
    rows.push(count);
  }
  const codec = parts.codecFor?.(hasDictionary ? [dictionary.body, ...bodies] : bodies) ?? UNCOMPRESSED;
  const pages = [
    ...(hasDictionary
      ? [compressedPage(dictionary.body, codec, (sizes) => dictionaryHeader(dictionary.count, sizes))]
      : []),
    ...bodies.map((body, i) => compressedPage(body, codec, (sizes) => dataHeader(rows[i]!, encoding, sizes))),
  ];
  if (codec !== UNCOMPRESSED) for (const body of bodies) freeOutput(body);
  const sizes = {
    uncompressed: pages.reduce((sum, { uncompressedBytes }) => sum + uncompressedBytes, 0),
    compressed: pages.reduce((sum, { bytes }) => sum + bytes.length, 0),
  };
  const meta = chunkMeta(leaf, {
    rows: rows.reduce((sum, count) => sum + count),
    encoding,
    codec: codec.id,
    sizes,
    statistics,
  });
  return { pages: pages.map(({ bytes }) => bytes), hasDictionary, meta };
}

/** In bytes. */
export interface Sizes {
  readonly uncompressed: number;
  readonly compressed: number;
}

export interface ChunkFacts {
  readonly rows: number;
  readonly encoding: number;
  readonly codec: number;
  /** Of all pages with their headers. */
  readonly sizes: Sizes;
  readonly statistics: ThriftStruct | undefined;
}

/** Without the offsets of its pages. */
export function chunkMeta(leaf: ThriftStruct, { rows, encoding, codec, sizes, statistics }: ChunkFacts): ThriftStruct {
  return thriftStruct({
    [META.type]: leaf.fields[META.type],
    [META.encodings]: i32List([...new Set([ENCODING.plain, ENCODING.rle, encoding])]),
    [META.path]: leaf.fields[META.path],
    [META.codec]: i32(codec),
    [META.values]: i64(rows),
    [META.uncompressedBytes]: i64(sizes.uncompressed),
    [META.compressedBytes]: i64(sizes.compressed),
    [META.statistics]: statistics,
  });
}

/** @param sizes of the page's body */
export function dataHeader(rows: number, encoding: number, sizes: Sizes): Uint8Array {
  return pageHeader(PAGE_TYPE.data, sizes, {
    [PAGE.data]: thriftStruct({
      [DATA.values]: i32(rows),
      [DATA.encoding]: i32(encoding),
      [DATA.definitionEncoding]: i32(ENCODING.rle),
      [DATA.repetitionEncoding]: i32(ENCODING.rle),
    }),
  });
}

function dictionaryHeader(count: number, sizes: Sizes): Uint8Array {
  return pageHeader(PAGE_TYPE.dictionary, sizes, {
    [PAGE.dictionary]: thriftStruct({ [DICTIONARY.values]: i32(count), [DICTIONARY.encoding]: i32(ENCODING.plain) }),
  });
}

function pageHeader(type: number, sizes: Sizes, fields: Readonly<Record<number, ThriftStruct>>): Uint8Array {
  return writeThrift(
    thriftStruct({
      [PAGE.type]: i32(type),
      [PAGE.uncompressedBytes]: i32(sizes.uncompressed),
      [PAGE.compressedBytes]: i32(sizes.compressed),
      ...fields,
    }),
  );
}

/** With its header; that counts for the uncompressed bytes too. */
function compressedPage(body: Uint8Array, codec: PageCodec, headerOf: (sizes: Sizes) => Uint8Array) {
  const compressed = codec.compress(body);
  const header = headerOf({ uncompressed: body.length, compressed: compressed.length });
  const bytes = Buffer.concat([header, compressed]);
  if (compressed !== body) freeOutput(compressed);
  return { bytes, uncompressedBytes: header.length + body.length };
}

/** As levels and texts have it before them. */
export function lengthOf({ length }: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(length);
  return bytes;
}

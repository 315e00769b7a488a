import type { SchemaColumn } from './file-schema.ts';
import { DATA, DICTIONARY, ENCODING, META, PAGE, PAGE_TYPE } from './metadata-fields.ts';
import { freeOutput, type PageCodec, UNCOMPRESSED } from './page-compression.ts';
import { i32, i32List, i64, type ThriftStruct, thriftStruct, writeThrift } from './thrift.ts';

/** The column chunk of one leaf that no writer wrote row by row. */
export interface MadeChunk {
  /** The dictionary's page, where there is one, and one of data; each with its header. */
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

export interface ChunkParts {
  /** Of the leaf: of a list each element is one, and no element too. */
  readonly rows: number;
  /** Of repetition, then of definition, where the column has them: encoded runs. */
  readonly levels: readonly Uint8Array[];
  /** As PLAIN has them. */
  readonly dictionary?: { readonly count: number; readonly body: Uint8Array };
  /** Of the values that are not null: the bits of an index and its runs, or what the encoding has where there is no dictionary. */
  readonly values: readonly Uint8Array[];
  /** Where there is no dictionary. Default PLAIN. */
  readonly encoding?: number;
  /** Chosen for the bodies of the pages. Default none. */
  readonly codecFor?: (bodies: readonly Uint8Array[]) => PageCodec;
  readonly statistics: ThriftStruct | undefined;
}

/** @param leaf the metadata of any chunk of the same column */
export function madeChunk(leaf: ThriftStruct, parts: ChunkParts): MadeChunk {
  const { rows, levels, dictionary, values, statistics, encoding = ENCODING.plain } = parts;
  const hasDictionary = dictionary !== undefined;
  const body = Buffer.concat([...levels.flatMap((runs) => [lengthOf(runs), runs]), ...values]);
  const valueEncoding = hasDictionary ? ENCODING.rleDictionary : encoding;
  const data = thriftStruct({
    [DATA.values]: i32(rows),
    [DATA.encoding]: i32(valueEncoding),
    [DATA.definitionEncoding]: i32(ENCODING.rle),
    [DATA.repetitionEncoding]: i32(ENCODING.rle),
  });
  const bodies = hasDictionary ? [dictionary.body, body] : [body];
  const codec = parts.codecFor?.(bodies) ?? UNCOMPRESSED;
  const pages = [
    ...(hasDictionary ? [page(PAGE_TYPE.dictionary, dictionary.body, codec, dictionaryHeader(dictionary.count))] : []),
    page(PAGE_TYPE.data, body, codec, { [PAGE.data]: data }),
  ];
  if (codec !== UNCOMPRESSED) freeOutput(body);
  return {
    pages: pages.map(({ bytes }) => bytes),
    hasDictionary,
    meta: thriftStruct({
      [META.type]: leaf.fields[META.type],
      [META.encodings]: i32List([...new Set([ENCODING.plain, ENCODING.rle, valueEncoding])]),
      [META.path]: leaf.fields[META.path],
      [META.codec]: i32(codec.id),
      [META.values]: i64(rows),
      [META.uncompressedBytes]: i64(pages.reduce((sum, { uncompressedBytes }) => sum + uncompressedBytes, 0)),
      [META.compressedBytes]: i64(pages.reduce((sum, { bytes }) => sum + bytes.length, 0)),
      [META.statistics]: statistics,
    }),
  };
}

type HeaderFields = Readonly<Record<number, ThriftStruct>>;

function dictionaryHeader(count: number): HeaderFields {
  return {
    [PAGE.dictionary]: thriftStruct({ [DICTIONARY.values]: i32(count), [DICTIONARY.encoding]: i32(ENCODING.plain) }),
  };
}

/** With its header; that counts for the uncompressed bytes too. */
function page(type: number, body: Uint8Array, codec: PageCodec, fields: HeaderFields) {
  const compressed = codec.compress(body);
  const header = writeThrift(
    thriftStruct({
      [PAGE.type]: i32(type),
      [PAGE.uncompressedBytes]: i32(body.length),
      [PAGE.compressedBytes]: i32(compressed.length),
      ...fields,
    }),
  );
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

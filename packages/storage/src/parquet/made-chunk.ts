import type { SchemaColumn } from './file-schema.ts';
import { DATA, DICTIONARY, ENCODING, META, PAGE, PAGE_TYPE } from './metadata-fields.ts';
import { i32, i32List, i64, type ThriftStruct, thriftStruct, writeThrift } from './thrift.ts';

/** The column chunk of one leaf that no writer wrote row by row. */
export interface MadeChunk {
  /** The dictionary's page, where there is one, and one of data; each with its header. */
  readonly pages: readonly Uint8Array[];
  /** Without the offsets of its pages. */
  readonly meta: ThriftStruct;
  readonly hasDictionary: boolean;
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
  readonly rows: number;
  /** Of repetition, then of definition, where the column has them: encoded runs. */
  readonly levels: readonly Uint8Array[];
  /** As PLAIN has them. */
  readonly dictionary?: { readonly count: number; readonly body: Uint8Array };
  /** Of the values that are not null: the bits of an index and its runs, or what PLAIN has where there is no dictionary. */
  readonly values: readonly Uint8Array[];
  readonly statistics: ThriftStruct | undefined;
}

/** @param leaf the metadata of any chunk of the same column */
export function madeChunk(leaf: ThriftStruct, parts: ChunkParts): MadeChunk {
  const { rows, levels, dictionary, values, statistics } = parts;
  const hasDictionary = dictionary !== undefined;
  const body = Buffer.concat([...levels.flatMap((runs) => [lengthOf(runs), runs]), ...values]);
  const data = pageOf(PAGE_TYPE.data, body, {
    [PAGE.data]: thriftStruct({
      [DATA.values]: i32(rows),
      [DATA.encoding]: i32(hasDictionary ? ENCODING.rleDictionary : ENCODING.plain),
      [DATA.definitionEncoding]: i32(ENCODING.rle),
      [DATA.repetitionEncoding]: i32(ENCODING.rle),
    }),
  });
  const pages = hasDictionary ? [dictionaryPage(dictionary), data] : [data];
  const bytes = i64(pages.reduce((sum, page) => sum + page.length, 0));
  const encodings = [ENCODING.plain, ENCODING.rle, ...(hasDictionary ? [ENCODING.rleDictionary] : [])];
  return {
    pages,
    hasDictionary,
    meta: thriftStruct({
      [META.type]: leaf.fields[META.type],
      [META.encodings]: i32List(encodings),
      [META.path]: leaf.fields[META.path],
      [META.codec]: i32(0),
      [META.values]: i64(rows),
      [META.uncompressedBytes]: bytes,
      [META.compressedBytes]: bytes,
      [META.statistics]: statistics,
    }),
  };
}

function dictionaryPage({ count, body }: NonNullable<ChunkParts['dictionary']>): Uint8Array {
  return pageOf(PAGE_TYPE.dictionary, body, {
    [PAGE.dictionary]: thriftStruct({ [DICTIONARY.values]: i32(count), [DICTIONARY.encoding]: i32(ENCODING.plain) }),
  });
}

function pageOf(type: number, body: Uint8Array, header: Readonly<Record<number, ThriftStruct>>): Uint8Array {
  const length = i32(body.length);
  const fields = {
    [PAGE.type]: i32(type),
    [PAGE.uncompressedBytes]: length,
    [PAGE.compressedBytes]: length,
    ...header,
  };
  return Buffer.concat([writeThrift(thriftStruct(fields)), body]);
}

/** As levels and texts have it before them. */
export function lengthOf({ length }: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(length);
  return bytes;
}

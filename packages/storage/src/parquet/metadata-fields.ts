/** Field ids of parquet.thrift (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift). */
export const FILE = { schema: 2, rows: 3, rowGroups: 4, keyValues: 5, createdBy: 6, columnOrders: 7 } as const;
export const ELEMENT = { type: 1, repetition: 3, name: 4, children: 5, fieldId: 9 } as const;
export const GROUP = {
  columns: 1,
  totalBytes: 2,
  rows: 3,
  sorting: 4,
  fileOffset: 5,
  compressedBytes: 6,
  ordinal: 7,
} as const;
export const CHUNK = { filePath: 1, fileOffset: 2, meta: 3 } as const;
export const META = {
  type: 1,
  encodings: 2,
  path: 3,
  codec: 4,
  values: 5,
  uncompressedBytes: 6,
  compressedBytes: 7,
  dataPage: 9,
  indexPage: 10,
  dictionaryPage: 11,
  statistics: 12,
  bloom: 14,
  bloomBytes: 15,
} as const;
export const STATISTICS = { nullCount: 3, max: 5, min: 6, isMaxExact: 7, isMinExact: 8 } as const;
export const PAGE = { type: 1, uncompressedBytes: 2, compressedBytes: 3, data: 5, dictionary: 7 } as const;
export const DATA = { values: 1, encoding: 2, definitionEncoding: 3, repetitionEncoding: 4 } as const;
export const DICTIONARY = { values: 1, encoding: 2 } as const;
export const SORTING = { column: 1, descending: 2, nullsFirst: 3 } as const;

/** Values of its enums. */
export const PAGE_TYPE = { data: 0, dictionary: 2 } as const;
export const REPETITION = { required: 0, optional: 1, repeated: 2 } as const;
export const ENCODING = {
  plain: 0,
  plainDictionary: 2,
  rle: 3,
  deltaBinaryPacked: 5,
  deltaLengthByteArray: 6,
  rleDictionary: 8,
  byteStreamSplit: 9,
} as const;
export const BOOLEAN = 0;

/** Field ids of parquet.thrift (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift). */
export const FILE = { rows: 3, rowGroups: 4, keyValues: 5, createdBy: 6 } as const;
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
  path: 3,
  codec: 4,
  uncompressedBytes: 6,
  compressedBytes: 7,
  dataPage: 9,
  indexPage: 10,
  dictionaryPage: 11,
  bloom: 14,
  bloomBytes: 15,
} as const;
export const PAGE = { type: 1, uncompressedBytes: 2, compressedBytes: 3 } as const;
export const SORTING = { column: 1, descending: 2, nullsFirst: 3 } as const;

export { type FinishedIndex, isAvailable, platformName, type Utf8Column } from './addon.ts';
export { type FoundRows, IndexReader, type OpenOptions } from './index-reader.ts';
export { type FieldOptions, IndexWriter, type IndexWriterOptions } from './index-writer.ts';
export type { Analyser, Query } from './query.ts';
export { analyse, RowMatcher } from './row-matcher.ts';
export { type ByteRange, TantivyError, type TantivyErrorCode } from './tantivy-error.ts';

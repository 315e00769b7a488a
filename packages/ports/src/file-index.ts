import type { DataFile } from './table-source.ts';
import type { CompiledSearch, TextAnalyser, TextColumn } from './text-searcher.ts';

/** The format of the indexes that are built now. Those of others are not read, and built anew. */
export const INDEX_VERSION = 1;

/** What stands beside a file so that queries find its rows, at {@link indexPath}. */
export interface FileIndex {
  /** Eight hexadecimal digits. */
  readonly name: string;
  readonly sizeBytes: number;
  /** How many of its last bytes every search needs. */
  readonly endBytes: number;
  /** Of its format: {@link INDEX_VERSION} when it was built. */
  readonly version: number;
  /** The stored columns that it is of, by their names: `body`, `trace_id`, `attributes.user.id`. */
  readonly columns: readonly string[];
}

/** Where the index of a file is: beside it, in the same tier. */
export function indexPath(filePath: string, { name }: Pick<FileIndex, 'name'>): string {
  return `${filePath}.${name}.index`;
}

const INDEX_PATH = /^(.*)\.([0-9a-f]{8})\.index$/s;

/** The file that an index is of, and the index's name; undefined when no index is called so. */
export function indexedFile(path: string): { readonly filePath: string; readonly name: string } | undefined {
  const [, filePath, name] = INDEX_PATH.exec(path) ?? [];
  return filePath === undefined ? undefined : { filePath, name: name! };
}

/** Where a file is, and its index. */
export function placesOf({ path, index }: Pick<DataFile, 'path' | 'index'>): string[] {
  return index === undefined ? [path] : [path, indexPath(path, index)];
}

/** What a file takes with its index, in bytes. */
export function bytesWithIndex({ sizeBytes, index }: Pick<DataFile, 'sizeBytes' | 'index'>): number {
  return sizeBytes + (index?.sizeBytes ?? 0);
}

/** A column of a file that is to be indexed. */
export interface IndexedColumn {
  /** As the file has it: `body`, `attributes.user.id`; `events.name` for the names of a span's events. */
  readonly name: string;
  /** `text`: searched by words; `id`: looked up, and hardly any value comes twice; `value`: looked up, by whatever values there are. */
  readonly use: 'text' | 'id' | 'value';
  /** For `text`. */
  readonly analyser?: TextAnalyser;
}

/** A column of some rows by its different values. */
export interface CodedColumn {
  /** Without NULL. */
  readonly values: TextColumn;
  /** Of each row its value, or -1 for NULL. */
  readonly codes: Int32Array;
}

/** Rows of one column to be indexed. Values that are no text are written as SQL casts them to text. */
export type IndexedRows = TextColumn | CodedColumn;

/** What its builder says of an index. */
export type BuiltIndex = Pick<FileIndex, 'sizeBytes' | 'endBytes' | 'columns'>;

/** An index while it is built. */
export interface IndexBuild {
  /** Adds rows behind those that are there. @param columns in the order in which they were named; kept by nobody */
  add(rows: number, columns: readonly IndexedRows[]): Promise<void>;
  /** The file is whole then, but not durable. @returns undefined when there is nothing to index, and no file */
  finish(): Promise<BuiltIndex | undefined>;
  /** In the place of the end. What is left of the file is the caller's. */
  discard(): void;
}

/**
 * Makes indexes. A module has one as its export `fileIndexer`: indexes are built in another thread, where it is loaded by its URL.
 */
export interface FileIndexer {
  /** @param path of the file to be made; there must be none @throws the file system's error; internal / INTERNAL */
  start(path: string, columns: readonly IndexedColumn[]): IndexBuild;
}

/** What rows are searched for, of a stored column. A row that has no value there meets no condition. */
export type IndexCondition =
  /** @param columns of the search's fields, in their order; undefined where a field is no stored column */
  | { readonly kind: 'match'; readonly search: CompiledSearch; readonly columns: readonly (string | undefined)[] }
  /** The value, as SQL casts it to text, is one of these. */
  | { readonly kind: 'equals'; readonly column: string; readonly values: readonly string[] }
  /** The value has this in it, letter by letter. */
  | { readonly kind: 'contains'; readonly column: string; readonly text: string };

/** What an index says of the rows that meet all conditions. */
export interface FoundRows {
  /** How many may. */
  readonly count: number;
  /** Which, ascending; absent when it was asked how many alone, and that is exact. */
  readonly rows?: Uint32Array;
  /** Whether all of these do. Else that shows in the rows themselves. */
  readonly isExact: boolean;
  /** What told it: the words of texts, the rows of values, or a filter of values that are not there. */
  readonly by: 'text' | 'values' | 'filter';
}

/** The first byte and the one behind the last. */
export type IndexRange = readonly [start: number, end: number];

/** What a search must have of an index before it can be done. */
export interface MissingRanges {
  readonly missing: readonly IndexRange[];
}

/** An index that is open. */
export interface OpenIndex {
  /**
   * @param isCount whether it is enough to know how many
   * @returns undefined when the index has nothing to say of the conditions
   * @throws data / STORE_CORRUPTION when it is damaged, or not there; invalid / QUERY_LIMIT; the reason of the signal
   */
  search(
    conditions: readonly IndexCondition[],
    isCount: boolean,
    signal: AbortSignal,
  ): Promise<FoundRows | MissingRanges | undefined>;
}

/** Searches indexes. A module has one as its export `indexSearcher`. */
export interface IndexSearcher {
  /**
   * @param present the byte ranges that are here of a file that has holes, ascending. Default: all
   * @throws data / STORE_CORRUPTION when it is damaged, of another version, or not there
   */
  open(path: string, present?: readonly IndexRange[]): Promise<OpenIndex | MissingRanges>;
}

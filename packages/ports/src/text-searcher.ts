/** How text becomes words: see docs/reference/search.md. */
export type TextAnalyser = 'log' | 'cjk' | 'raw';

/** A column of text as DuckDB and Arrow have it: the text of a row is `data` from `offsets[row]` to `offsets[row + 1]`, in UTF-8. */
export interface TextColumn {
  readonly data: Uint8Array;
  /** One more than rows. */
  readonly offsets: Int32Array;
  /** A bit a row, the lowest first; absent when every row has a value. */
  readonly validity?: Uint8Array;
}

/** A search, ready for rows and for indexes. */
export interface CompiledSearch {
  /**
   * Of each row 1 when it matches, else 0. Columns are in the order in which their fields were asked for, the searched one
   * first. A row without a value has no words there.
   */
  test(rows: number, columns: readonly TextColumn[]): Uint8Array;
  /** The names of the fields that were asked for, in order, behind that of the searched column, which is empty. */
  readonly fields: readonly string[];
  /** How their text becomes words. */
  readonly analysers: readonly TextAnalyser[];
  /** What the index searcher of the same module understands. */
  readonly query: unknown;
}

/**
 * What `match(column, search)` in SQL means. A module has one as its export `textSearcher`: queries run in another thread, where it
 * is loaded by its URL.
 */
export interface TextSearcher {
  /**
   * @param analyser of the searched column
   * @param fieldOf asks for a field that the search names, and how its text becomes words; called once for each name
   * @throws invalid / QUERY_INVALID, QUERY_LIMIT, with `details.searchPosition` where it is known; MISSING_PACKAGE
   */
  compile(search: string, analyser: TextAnalyser, fieldOf: (name: string) => TextAnalyser): CompiledSearch;
}

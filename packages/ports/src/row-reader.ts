/** A value as a file has it: what is unsigned or a time is told by its column. A list is an array, a struct an object, a map a Map. */
export type StoredValue =
  | null
  | string
  | number
  | bigint
  | boolean
  | readonly StoredValue[]
  | ReadonlyMap<string, StoredValue>
  | { readonly [field: string]: StoredValue };

/** Reads a few rows of files, column by column, without the rest. A module has one as its export `rowReader`. */
export interface RowReader {
  /**
   * @param path of a file that never changes
   * @param rows their numbers, ascending
   * @param columns stored columns at the top, by their names; the file has all of them
   * @returns a value a row of each column; undefined when the file is of a form that it does not know, or it is too much to be worth it
   * @throws the file system's error
   */
  read(path: string, rows: Uint32Array, columns: readonly string[]): readonly (readonly StoredValue[])[] | undefined;
}

import type { DataFile } from './table-source.ts';

/** What stands beside a file so that queries find its rows, at {@link indexPath}. */
export interface FileIndex {
  /** Eight hexadecimal digits. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Of its format: see {@link FileIndexer.version}. */
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

import type { DataFile, TableName } from '@openwit/ports';
import type { QueryRequest } from './protocol.ts';

/** A table's files as the worker gets to know them: what is other than in the list that it had last of this table. */
export interface FileListChange {
  readonly list: string;
  /** Places in the last list, ascending, of what is in it no more. */
  readonly removed: readonly number[];
  readonly added: readonly DataFile[];
}

export type FileListChanges = readonly (readonly [TableName, FileListChange])[];

/** Tables whose lists are kept on both sides; another one's next query sends its list whole. */
const MOST_LISTS = 64;

/** A thousand files as a message take milliseconds of both threads, so each crosses once and not with every query. */
export class SentFileLists {
  readonly #last = new Map<string, readonly DataFile[]>();

  /** What to send before a query; each change must be sent, in order. */
  changesOf({ tenant, tables }: QueryRequest): FileListChanges {
    return Object.entries(tables).map(([table, { files }]) => [
      table as TableName,
      this.#change(`${tenant}/${table}`, files),
    ]);
  }

  #change(list: string, files: readonly DataFile[]): FileListChange {
    const last = this.#last.get(list) ?? [];
    keepRecent(this.#last, list, files);
    return last === files ? { list, removed: [], added: [] } : { list, ...difference(last, files) };
  }
}

/** The other side. */
export class KnownFileLists {
  readonly #last = new Map<string, readonly DataFile[]>();

  /** The list after a change. */
  apply({ list, removed, added }: FileListChange): readonly DataFile[] {
    let files = this.#last.get(list) ?? [];
    if (removed.length > 0 || added.length > 0) {
      const gone = new Set(removed);
      files = [...files.filter((_, i) => !gone.has(i)), ...added];
    }
    keepRecent(this.#last, list, files);
    return files;
  }
}

/** Files leave a table from anywhere and come at its end: then as little as can be crosses, and else it is right too. */
function difference(last: readonly DataFile[], files: readonly DataFile[]): Omit<FileListChange, 'list'> {
  const removed: number[] = [];
  let kept = 0;
  last.forEach((file, i) => {
    if (files[kept] === file) kept++;
    else removed.push(i);
  });
  return { removed, added: files.slice(kept) };
}

/** Both sides forget the same list at the same change. */
function keepRecent(lists: Map<string, readonly DataFile[]>, list: string, files: readonly DataFile[]): void {
  lists.delete(list);
  lists.set(list, files);
  if (lists.size > MOST_LISTS) lists.delete(lists.keys().next().value!);
}

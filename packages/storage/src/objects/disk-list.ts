import type { FolderEntry } from '@openwit/ports';
import { byKeyBytes } from './object-errors.ts';

interface ListedObject extends Pick<FolderEntry, 'sizeBytes' | 'modifiedMs'> {
  readonly key: string;
}

/** The objects below a folder whose key begins with `prefix`, in the order of their keys; only folders that can have some. */
export async function* listObjects(
  entriesOf: (folder: string) => Promise<readonly FolderEntry[]>,
  prefix: string,
  folder: string = prefix.slice(0, prefix.lastIndexOf('/') + 1),
): AsyncGenerator<ListedObject> {
  const entries = (await entriesOf(folder))
    .filter(({ name }) => !name.startsWith('.'))
    // What is below `a` comes after `a-b`: the slash is part of the keys.
    .map(({ name, ...entry }) => ({ ...entry, key: `${folder}${name}${entry.isFolder ? '/' : ''}` }))
    .sort((a, b) => byKeyBytes(a.key, b.key));
  for (const { key, isFolder, sizeBytes, modifiedMs } of entries) {
    if (!key.startsWith(prefix)) continue;
    if (isFolder) yield* listObjects(entriesOf, prefix, key);
    else yield { key, sizeBytes, modifiedMs };
  }
}

import { rmSync } from 'node:fs';
import { type BuiltIndex, type DataFile, type FileIndexer, type IndexedColumn, OpenWitError } from '@openwit/ports';
import { unfinishedName } from '../file-paths.ts';
import { LeafFile } from '../leaves/leaf-file.ts';
import type { Leaf } from '../leaves/leaf-schema.ts';
import { EVENT_NAMES } from './indexed-columns.ts';
import { LeafTexts } from './leaf-texts.ts';

/** Plain data: it goes to a worker. */
export interface IndexRequest {
  /** On the local disk. */
  readonly file: Pick<DataFile, 'path' | 'rows'>;
  readonly columns: readonly IndexedColumn[];
  /** Where the index is to be. */
  readonly path: string;
}

/**
 * Makes the index of a file. It lies at its unfinished name then, and is not durable yet.
 * @returns undefined when there is nothing to index; then, and when it rejects, nothing lies there
 * @throws closed / CLOSED when it was stopped; data / STORE_CORRUPTION when the file cannot be read
 */
export async function buildIndex(
  { file, columns, path }: IndexRequest,
  indexer: FileIndexer,
  isStopped: () => boolean,
): Promise<BuiltIndex | undefined> {
  const target = unfinishedName(path);
  const leaves = LeafFile.open(file.path);
  try {
    const own = columns.flatMap((column) => {
      const leaf = leaves.leaves.findIndex((candidate) => isNamed(candidate, column.name));
      return leaf < 0 ? [] : [{ column, texts: new LeafTexts(leaves, leaf) }];
    });
    checkRows(leaves, file);
    const build = indexer.start(
      target,
      own.map(({ column }) => column),
    );
    try {
      for (const group of leaves.groups) {
        if (isStopped()) throw new OpenWitError('closed', 'CLOSED', 'the index was given up');
        await build.add(
          group.rows,
          own.map(({ texts }) => texts.of(group)),
        );
      }
      return await build.finish();
    } catch (error) {
      build.discard();
      throw error;
    }
  } catch (error) {
    rmSync(target, { force: true });
    throw error;
  } finally {
    leaves.close();
  }
}

/** `events.name` is in a list of structs, which has names of its own between. */
function isNamed({ path }: Leaf, name: string): boolean {
  if (path.length === 1) return path[0] === name;
  return name === EVENT_NAMES && path[0] === 'events' && path.at(-1) === 'name' && !path.includes('attributes');
}

function checkRows({ groups }: LeafFile, { path, rows }: IndexRequest['file']): void {
  const found = groups.reduce((sum, group) => sum + group.rows, 0);
  if (found === rows) return;
  const message = `a file has other rows than the catalog says, path=\`${path}\` wanted=${rows} found=${found}`;
  throw new OpenWitError('data', 'STORE_CORRUPTION', message);
}

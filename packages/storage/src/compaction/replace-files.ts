import { dirname } from 'node:path';
import {
  type Catalog,
  type CatalogCommit,
  type DataFile,
  type FileSystem,
  isOpenWitError,
  type NewDataFile,
  type TableName,
} from '@openwit/ports';
import { unfinishedName } from '../file-paths.ts';
import type { TenantTables } from '../tenant-tables.ts';
import type { MergedFile } from './merge-request.ts';

export interface ReplaceParts {
  readonly catalog: Catalog;
  readonly fileSystem: FileSystem;
  readonly tables: TenantTables;
}

export interface Replacement {
  readonly tenant: string;
  readonly table: TableName;
  /** Those that leave the table. */
  readonly files: readonly DataFile[];
  /** Of those that come. */
  readonly generation: number;
}

/**
 * Puts files in the place of others: durable, then in the catalog, then in snapshots, all at once.
 * @param merged they lie at their unfinished names
 * @returns the files as they are in the table; none when somebody emptied it meanwhile
 * @throws unavailable / CATALOG_CONFLICT when one of the others is not there any more
 */
export async function replaceFiles(
  { catalog, fileSystem, tables }: ReplaceParts,
  { tenant, table, files: gone, generation }: Replacement,
  merged: readonly MergedFile[],
): Promise<readonly DataFile[]> {
  const files: NewDataFile[] = merged.map((file) => ({ ...file, tier: 'hot', generation }));
  for (const { path } of files) await finishFile(fileSystem, path);
  const replaces = gone.map(({ fileId }) => fileId);
  const committed = await commitOnce(catalog, {
    tenant,
    table,
    files,
    replaces,
    newColumns: [],
    ranges: [],
    sources: [],
  });
  const versions = tables.table(tenant, table);
  const ids = new Set(replaces);
  // Whoever emptied the table since then has ended the new files too.
  if (!versions.current.files.some(({ fileId }) => ids.has(fileId))) return [];
  versions.change({ files: [...versions.current.files.filter(({ fileId }) => !ids.has(fileId)), ...committed] });
  return committed;
}

/** Files whose commit fails become garbage, unless it has taken effect all the same. */
async function commitOnce(catalog: Catalog, commit: CatalogCommit): Promise<readonly DataFile[]> {
  const paths = commit.files.map(({ path }) => path);
  try {
    return await catalog.commit(commit);
  } catch (error) {
    if (isOpenWitError(error) && error.code === 'CATALOG_CONFLICT' && paths.length > 0) {
      // An earlier answer may have been lost: then the files are there.
      const files = await catalog.files(commit.tenant, commit.table);
      const live = files.filter(({ path }) => paths.includes(path));
      if (live.length === paths.length) return live;
    }
    await catalog.announce(paths).catch(() => {}); // the first error tells more; the next start sweeps the folder
    throw error;
  }
}

async function finishFile(fileSystem: FileSystem, path: string): Promise<void> {
  const file = await fileSystem.open(unfinishedName(path), 'write');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(unfinishedName(path), path);
  await fileSystem.syncFolder(dirname(path));
}

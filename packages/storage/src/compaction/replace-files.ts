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

export interface Replacement {
  readonly tenant: string;
  readonly table: TableName;
  /** Those that leave the table. */
  readonly gone: readonly DataFile[];
  /** Those that come: durable, and announced as garbage. */
  readonly files: readonly NewDataFile[];
}

/** Gives a file that is whole, but not durable, its name. */
export async function finishFile(fileSystem: FileSystem, path: string): Promise<void> {
  const file = await fileSystem.open(unfinishedName(path), 'write');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(unfinishedName(path), path);
  await fileSystem.syncFolder(dirname(path));
}

/**
 * Puts files in the place of others: in the catalog, then in snapshots, all at once. To be called while nobody else merges or
 * drops the table. @returns the files as they are in the table
 * @throws unavailable / CATALOG_CONFLICT when one of the others is not there any more
 */
export async function replaceFiles(
  { catalog, tables }: { readonly catalog: Catalog; readonly tables: TenantTables },
  { tenant, table, gone, files }: Replacement,
): Promise<readonly DataFile[]> {
  const replaces = gone.map(({ fileId }) => fileId);
  const commit = { tenant, table, files, replaces, newColumns: [], ranges: [], sources: [] };
  const committed = await commitOnce(catalog, commit);
  const versions = tables.table(tenant, table);
  // Those that come may be there by now: an earlier answer was lost, and the table made what the catalog says.
  const ids = new Set([...replaces, ...committed.map(({ fileId }) => fileId)]);
  versions.change({ files: [...versions.current.files.filter(({ fileId }) => !ids.has(fileId)), ...committed] });
  return committed;
}

async function commitOnce(catalog: Catalog, commit: CatalogCommit): Promise<readonly DataFile[]> {
  try {
    return await catalog.commit(commit);
  } catch (error) {
    if (!isOpenWitError(error) || error.code !== 'CATALOG_CONFLICT') throw error;
    // An earlier answer may have been lost: then the files are there.
    const paths = new Set(commit.files.map(({ path }) => path));
    const live = (await catalog.files(commit.tenant, commit.table)).filter(({ path }) => paths.has(path));
    if (live.length < paths.size || paths.size === 0) throw error;
    return live;
  }
}

import type { DataFile, FileRead, IndexRange, IndexRead, Snapshot, TableName } from '@openwit/ports';
import { columnsRead, type FileGroup, type TableRead } from './table-sql.ts';

/** What is read of files that are not on the local disk, as it crosses to the thread that has the snapshot. */
export interface RemoteRead {
  readonly table: TableName;
  readonly fileIds: readonly number[];
  /** Stored columns. */
  readonly columns: readonly string[];
  /** Of the one file; undefined: all. */
  readonly rows: Uint32Array | undefined;
}

export function remoteReads(read: TableRead, groups: readonly FileGroup[]): RemoteRead[] {
  return groups.flatMap((group) => {
    if (group.known?.choice.kind === 'count') return [];
    const fileIds = group.files.filter(({ tier }) => tier !== 'hot').map(({ fileId }) => fileId);
    const choice = group.known?.choice;
    const rows = choice?.kind === 'few' ? choice.rows : undefined;
    return fileIds.length === 0 ? [] : [{ table: read.table, fileIds, columns: columnsRead(read, group), rows }];
  });
}

/** The same with the snapshot's files. */
export function fileReads(snapshot: Snapshot, reads: readonly RemoteRead[]): FileRead[] {
  const fileOf = finder(snapshot);
  return reads.flatMap(({ table, fileIds, columns, rows }) =>
    fileIds.map((fileId) => ({ file: fileOf(table, fileId), columns, ...(rows && { rows }) })),
  );
}

/** The same for indexes. */
export function indexReads(
  snapshot: Snapshot,
  reads: readonly { readonly table: TableName; readonly fileId: number; readonly ranges: readonly IndexRange[] }[],
): IndexRead[] {
  const fileOf = finder(snapshot);
  return reads.map(({ table, fileId, ranges }) => ({ file: fileOf(table, fileId), ranges }));
}

function finder({ tables }: Snapshot): (table: TableName, fileId: number) => DataFile {
  const files = new Map(
    [...tables].map(([table, { files }]) => [table, new Map(files.map((file) => [file.fileId, file]))]),
  );
  return (table, fileId) => files.get(table)!.get(fileId)!;
}

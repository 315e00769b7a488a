import type { FileRead, Snapshot, TableName } from '@openwit/ports';
import { columnsRead, type FileGroup, type TableRead } from './table-sql.ts';

/** What is read of files that are not on the local disk, as it crosses to the thread that has the snapshot. */
export interface RemoteRead {
  readonly table: TableName;
  readonly fileIds: readonly number[];
  /** Stored columns. */
  readonly columns: readonly string[];
}

export function remoteReads(read: TableRead, groups: readonly FileGroup[]): RemoteRead[] {
  return groups.flatMap((group) => {
    if (group.known?.choice.kind === 'count') return [];
    const fileIds = group.files.filter(({ tier }) => tier !== 'hot').map(({ fileId }) => fileId);
    return fileIds.length === 0 ? [] : [{ table: read.table, fileIds, columns: columnsRead(read, group) }];
  });
}

/** The same with the snapshot's files. */
export function fileReads({ tables }: Snapshot, reads: readonly RemoteRead[]): FileRead[] {
  const files = new Map(
    [...tables].map(([table, { files }]) => [table, new Map(files.map((file) => [file.fileId, file]))]),
  );
  return reads.flatMap(({ table, fileIds, columns }) =>
    fileIds.map((fileId) => ({ file: files.get(table)!.get(fileId)!, columns })),
  );
}

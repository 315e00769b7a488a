import type { _Object, HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { ObjectInfo } from '@openwit/ports';

/** `GLACIER_IR` is read at once, in spite of its name. */
const ARCHIVES = ['GLACIER', 'DEEP_ARCHIVE'];

export function infoOfHead(key: string, head: HeadObjectCommandOutput): ObjectInfo {
  const isRestored = head.Restore?.includes('ongoing-request="false"') ?? false;
  const isArchived = ARCHIVES.includes(head.StorageClass ?? '') || head.ArchiveStatus !== undefined;
  return { key, sizeBytes: head.ContentLength ?? 0, ...told(head), isArchived: isArchived && !isRestored };
}

export function infoOfListed(key: string, listed: _Object): ObjectInfo {
  const { RestoreStatus } = listed;
  const isRestored = RestoreStatus?.RestoreExpiryDate !== undefined && RestoreStatus.IsRestoreInProgress !== true;
  const isArchived = ARCHIVES.includes(listed.StorageClass ?? '') && !isRestored;
  return { key, sizeBytes: listed.Size ?? 0, ...told(listed), isArchived };
}

/** S3 leaves the class out where it is `STANDARD`. */
function told({
  ETag,
  LastModified,
  StorageClass = 'STANDARD',
}: Told): Omit<ObjectInfo, 'key' | 'sizeBytes' | 'isArchived'> {
  return {
    storageClass: StorageClass,
    ...(ETag !== undefined && { version: ETag }),
    ...(LastModified !== undefined && { lastModifiedMs: LastModified.getTime() }),
  };
}

type Told = Pick<_Object, 'ETag' | 'LastModified'> & { readonly StorageClass?: string | undefined };

import type { ObjectInfo } from '@openwit/ports';

/** What the service tells of a blob, alike in a list and alone. */
export interface AzureProperties {
  readonly contentLength?: number | undefined;
  readonly etag?: string | undefined;
  readonly lastModified?: { getTime(): number } | undefined;
  readonly accessTier?: string | undefined;
}

/** A blob that is being restored says `Archive` until it is done. */
export function infoOfBlob(key: string, properties: AzureProperties): ObjectInfo {
  const { contentLength = 0, etag, lastModified, accessTier } = properties;
  return {
    key,
    sizeBytes: contentLength,
    isArchived: accessTier === 'Archive',
    ...versionOf(etag),
    ...(lastModified !== undefined && { lastModifiedMs: lastModified.getTime() }),
    ...(accessTier !== undefined && { storageClass: accessTier }),
  };
}

/** A list gives the ETag without the quotes that it has elsewhere. */
export function versionOf(etag: string | undefined): { version?: string } {
  return etag === undefined ? {} : { version: etag.replaceAll('"', '') };
}

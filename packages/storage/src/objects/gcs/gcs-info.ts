import { type ObjectInfo, timeOfIso } from '@openwit/ports';

/** The fields of an object's metadata that we ask for. */
export const GCS_FIELDS = 'name,size,generation,updated,storageClass,crc32c';

export interface GcsObject {
  readonly name: string;
  readonly size: string;
  readonly generation?: string;
  readonly updated?: string;
  readonly storageClass?: string;
  readonly crc32c?: string;
}

/** Every class is read at once, `ARCHIVE` too: it only costs more. */
export function infoOfObject(key: string, { size, generation, updated, storageClass }: GcsObject): ObjectInfo {
  return {
    key,
    sizeBytes: Number(size),
    isArchived: false,
    ...(generation !== undefined && { version: generation }),
    ...(updated !== undefined && { lastModifiedMs: timeOfIso(updated) }),
    ...(storageClass !== undefined && { storageClass }),
  };
}

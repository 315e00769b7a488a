import { resolve } from 'node:path';

export interface ColdCacheSettings {
  /** Its own; what an earlier cache left in it is removed. On a disk that has sparse files. */
  readonly folder: string;
  /** Bytes of objects that are kept on the disk. Default 4 GiB. */
  readonly maxBytes?: number;
  /** Requests under way, for all queries together. Default 8. */
  readonly maxConcurrentRequests?: number;
  /** What lies closer together is one request, with the bytes between. Default 64 KiB. */
  readonly gapBytes?: number;
  /** A request asks for no more; with `maxConcurrentRequests` it bounds the memory. Default 8 MiB. */
  readonly maxRangeBytes?: number;
  /** The first request for a file takes so much of its end; a longer footer costs another one. Default 64 KiB. */
  readonly tailBytes?: number;
  /** Footers of which is kept in memory where they have what. Default 1,000. */
  readonly maxFooters?: number;
  /** Whether a query of an archived object asks for it to be restored. Default false. */
  readonly restoreArchived?: boolean;
  /** How long a restored object stays readable. Default 7. */
  readonly restoreDays?: number;
}

export type ColdSettings = Required<ColdCacheSettings>;

const KIB = 1024;
const MIB = 1024 * KIB;

export function coldSettings(settings: ColdCacheSettings): ColdSettings {
  return {
    folder: resolve(settings.folder),
    maxBytes: settings.maxBytes ?? 4096 * MIB,
    maxConcurrentRequests: settings.maxConcurrentRequests ?? 8,
    gapBytes: settings.gapBytes ?? 64 * KIB,
    maxRangeBytes: settings.maxRangeBytes ?? 8 * MIB,
    tailBytes: settings.tailBytes ?? 64 * KIB,
    maxFooters: settings.maxFooters ?? 1000,
    restoreArchived: settings.restoreArchived ?? false,
    restoreDays: settings.restoreDays ?? 7,
  };
}

/** What a cache did since it was opened, and holds now. */
export interface ColdCacheStats {
  /** Reads of objects and requests to restore them. */
  readonly requests: number;
  readonly fetchedBytes: number;
  /** Files of queries of which all was here; the others are misses. */
  readonly hits: number;
  readonly misses: number;
  readonly evictedBytes: number;
  readonly heldBytes: number;
  readonly files: number;
}

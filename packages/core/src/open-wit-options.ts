import type { Clock, FileSystem, Random } from '@openwit/ports';
import type { QuerySettings } from '@openwit/query';
import type { IndexingRule, PolicyRule } from '@openwit/storage';
import type { ReceiverOptions } from '@openwit/transport';
import type { IngestOptions } from './ingest/ingest-settings.ts';
import type { TenantLimit } from './ingest/tenant-limits.ts';
import type { TierOption } from './tier-stores.ts';

export interface OpenWitOptions {
  /** Folder of the log, the catalog and the files, made when it is not there; `:memory:` keeps everything in memory. */
  readonly dataDir: string;
  readonly ingest?: IngestOptions;
  readonly wal?: {
    /** Size at which a segment is full. Default 64 MiB. */
    readonly segmentBytes?: number;
    /** Size of all segments at which ingest is refused until files are written. Default 2 GiB. */
    readonly maxBytes?: number;
  };
  readonly storage?: {
    /** Of the active files. Default `none`: they are merged soon, and merged files are compressed in any case. */
    readonly compression?: 'lz4' | 'zstd' | 'none';
    readonly attributeColumns?: {
      /** Share of a file's rows that must have a key to make it a column. Default 0.1. */
      readonly minShare?: number;
      /** Columns that keys may add to a table. Default 200. */
      readonly maxPerTable?: number;
    };
    readonly compaction?: {
      /** Files of an hour and a generation that are merged into one while they are small. Default 8. */
      readonly minFiles?: number;
      /** The same for files that are not small. Default 32. */
      readonly maxFiles?: number;
      /** What files may have on average to be small, in bytes. Default 3 MiB. */
      readonly smallBytes?: number;
      /** Files of this size are not merged again, in bytes. Default 128 MiB. */
      readonly stableBytes?: number;
      /** What one merge reads at the most, in bytes: no file is larger. Default 256 MiB. */
      readonly maxJobBytes?: number;
      /** The most files that one merge reads. Default 256. */
      readonly maxJobFiles?: number;
      /** How long an hour that is over gets no file before what is left of it is merged. Default 5,000. */
      readonly quietMs?: number;
      /** What a merge may hold in memory, in bytes. Default 128 MiB. */
      readonly memoryLimitBytes?: number;
    };
    /** How long other readers of the catalog find the files of a snapshot after the next one. Default 30,000. */
    readonly snapshotRetentionMs?: number;
    /** Of the tiers' stores, for objects that no table has and uploads that were never finished. */
    readonly bucketSweep?: {
      /** How long after one sweep the next comes. Default 86,400,000. */
      readonly everyMs?: number;
      /** What is younger stays. Default 3,600,000. */
      readonly minAgeMs?: number;
    };
  };
  readonly tiers?: {
    /** Where files go when they are old, or when the data folder is full. */
    readonly cold?: TierOption;
    /** Where they go after that. */
    readonly archive?: TierOption;
    /** The class that files of the archive get, by its store's own name. Default: the store's own. */
    readonly archiveClass?: string;
    /** When files move, by age and by size, and records are removed. Of the rules that name a table, the last one that has a part holds. */
    readonly policies?: readonly PolicyRule[];
    /** Bytes of the files in the data folder: above 80 % of it they move to the cold tier, at all of it ingest is refused. */
    readonly hotBytes?: number;
    /** Of queries over files that are not in the data folder: `cache/` in it holds what they read. */
    readonly cache?: {
      /** Bytes that it holds. Default 4 GiB. */
      readonly maxBytes?: number;
      /** Requests under way, for all queries together. Default 8. */
      readonly maxConcurrentRequests?: number;
      /** Whether a query of an archived file asks for it to be restored. Default false: it is an error. */
      readonly restoreArchived?: boolean;
      /** How long a restored file stays readable. Default 7. */
      readonly restoreDays?: number;
    };
    /** How long a clock that jumped forward must go on before records are removed by it. Default 3,600,000. */
    readonly clockConfirmMs?: number;
  };
  readonly indexing?: {
    /** Whether files get indexes. Default true. */
    readonly enabled?: boolean;
    /** What is indexed. Of the rules that name a table, the last one that has a part holds; files that have an index keep it. */
    readonly rules?: readonly IndexingRule[];
    /** How long a merged file must have been there before it is indexed: it may be merged again. Default 30,000. */
    readonly delayMs?: number;
  };
  readonly tenants?: {
    /** What tenants may send and store. Of the limits that name a tenant, the last one that has a part holds. */
    readonly limits?: readonly TenantLimit[];
  };
  /** What does not fit DuckDB's memory goes to `tmp/` of the data folder. */
  readonly query?: Omit<QuerySettings, 'tempDir' | 'dataDirs'>;
  /** Collaborators, for tests. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly fileSystem?: FileSystem;
}

/** Ports to listen on, and what all servers have in common. */
export interface ListenOptions extends Omit<ReceiverOptions, 'port'> {
  /** OTLP over gRPC; 0 for a free port. Left out, the server is not started; so with the other two. */
  readonly grpc?: number;
  /** OTLP over HTTP. */
  readonly http?: number;
  /** SQL over HTTP. */
  readonly api?: number;
}

/** Where a node listens; a server that was not asked for is missing. */
export interface Listening {
  /** `127.0.0.1:4317` */
  readonly grpc?: string;
  /** `http://127.0.0.1:4318` */
  readonly http?: string;
  /** `http://127.0.0.1:8080` */
  readonly api?: string;
}

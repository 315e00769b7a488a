import type { Clock, FileSystem, Random } from '@openwit/ports';
import type { IngestOptions } from './ingest/ingest-settings.ts';

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
    /** Of the active files. Default `lz4`: half the CPU of `zstd` for about twice the bytes. */
    readonly compression?: 'lz4' | 'zstd' | 'none';
    readonly attributeColumns?: {
      /** Share of a file's rows that must have a key to make it a column. Default 0.1. */
      readonly minShare?: number;
      /** Columns that keys may add to a table. Default 200. */
      readonly maxPerTable?: number;
    };
  };
  readonly query?: {
    /** DuckDB's threads. Default 2. */
    readonly threads?: number;
    /** DuckDB's memory. Default 256 MiB. */
    readonly memoryLimitBytes?: number;
    /** Default 30,000 ms. */
    readonly timeoutMs?: number;
    /** Rows of one result. */
    readonly maxRows?: number;
  };
  /** Collaborators, for tests. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly fileSystem?: FileSystem;
}

/** Ports to listen on: a number, 0 for a free one; left out, that server is not started. */
export interface ListenOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly grpc?: number;
  readonly http?: number;
  readonly api?: number;
  /** Header and metadata key that names the tenant. Default `x-scope-orgid`. */
  readonly tenantHeader?: string;
  /** Bytes of one request, also after decompression. Default 64 MiB. */
  readonly maxRequestBytes?: number;
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

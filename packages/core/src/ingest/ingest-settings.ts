import { positiveInteger } from '../settings.ts';

const MIB = 1024 * 1024;

export interface IngestOptions {
  /** Decode threads. Default 1: one thread decodes about half a million spans a second. */
  readonly threads?: number;
  /** When a batch is sealed. */
  readonly batch?: {
    /** Default 50,000 records; the request that reaches it is still taken whole. */
    readonly maxRows?: number;
    /** Bytes of the batch's columns. Default 32 MiB. */
    readonly maxBytes?: number;
    /** Default 10,000 ms. */
    readonly maxAgeMs?: number;
  };
  readonly limits?: {
    /** Bytes of requests under way, open batches and batches on their way to files. Default 48 MiB. */
    readonly maxMemoryBytes?: number;
    /** Records of one request, which is REQUEST_TOO_LARGE above. Default 500,000. */
    readonly maxRequestRecords?: number;
    /** Bytes that the records of one request may take as columns; it is REQUEST_TOO_LARGE above. Default 128 MiB. */
    readonly maxDecodedBytes?: number;
    /** Tenants that the node takes records of; those beyond are INVALID_TENANT. Default 10,000. */
    readonly maxTenants?: number;
    /** How long a request waits for memory before it is answered OVERLOADED. Default 5,000 ms. */
    readonly maxWaitMs?: number;
    /** How long `OpenWit.open` waits for the log of the run before; then the node answers RECOVERING. Default 10,000 ms. */
    readonly maxRecoveryWaitMs?: number;
  };
}

export interface IngestSettings {
  readonly threads: number;
  readonly batch: { readonly maxRows: number; readonly maxBytes: number; readonly maxAgeMs: number };
  readonly limits: {
    readonly maxMemoryBytes: number;
    readonly maxRequestRecords: number;
    readonly maxDecodedBytes: number;
    readonly maxTenants: number;
    readonly maxWaitMs: number;
    readonly maxRecoveryWaitMs: number;
  };
}

/** The options with their defaults. @throws invalid / INVALID_CONFIG */
export function ingestSettings({ threads, batch = {}, limits = {} }: IngestOptions): IngestSettings {
  return {
    threads: positiveInteger('ingest.threads', threads, 1),
    batch: {
      maxRows: positiveInteger('ingest.batch.maxRows', batch.maxRows, 50_000),
      maxBytes: positiveInteger('ingest.batch.maxBytes', batch.maxBytes, 32 * MIB),
      maxAgeMs: positiveInteger('ingest.batch.maxAgeMs', batch.maxAgeMs, 10_000),
    },
    limits: {
      maxMemoryBytes: positiveInteger('ingest.limits.maxMemoryBytes', limits.maxMemoryBytes, 48 * MIB),
      maxRequestRecords: positiveInteger('ingest.limits.maxRequestRecords', limits.maxRequestRecords, 500_000),
      maxDecodedBytes: positiveInteger('ingest.limits.maxDecodedBytes', limits.maxDecodedBytes, 128 * MIB),
      maxTenants: positiveInteger('ingest.limits.maxTenants', limits.maxTenants, 10_000),
      maxWaitMs: positiveInteger('ingest.limits.maxWaitMs', limits.maxWaitMs, 5000),
      maxRecoveryWaitMs: positiveInteger('ingest.limits.maxRecoveryWaitMs', limits.maxRecoveryWaitMs, 10_000),
    },
  };
}

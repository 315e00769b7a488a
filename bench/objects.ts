import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { OpenWit } from '@openwit/core';
import { MINIO_CREDENTIALS, minio } from '../test/services/minio.ts';
import { workloadRequests } from '../test/support/workload-requests.ts';
import { filesIn } from './server.ts';

/** What no change may go beyond. Of a store in a bucket, by requests: they are what it is billed by. */
export const BUDGET = {
  /** Of a GB of OTLP, merged before it moved: its files go up in parts of 8 MiB, and are looked at once. */
  requestsPerGb: 60,
  /** A query of which nothing is in the cache: the footer, and ranges of the columns in each of a file's 50 row groups. */
  coldRequestsPerFile: 80,
  /** The same query again. */
  warmRequests: 0,
  /** A query over an hour without files. */
  requestsOfNoFile: 0,
  /** Of all that queries ask for. */
  lists: 0,
} as const;

export interface ObjectFigures {
  readonly files: number;
  readonly ingestedBytes: number;
  readonly requestsPerGb: number;
  /** A query's requests, the most of {@link QUERIES}. */
  readonly coldRequestsPerFile: number;
  readonly warmRequests: number;
  readonly requestsOfNoFile: number;
  readonly lists: number;
  readonly overBudget: readonly string[];
}

const QUERIES = [
  'select service_name, count(*) as n, avg(duration_ns) as mean from traces group by all',
  "select * from traces where span_name = 'GET /api/cart' order by timestamp desc limit 20",
  "select count(*) as n from traces where attributes['http.response.status_code']::int >= 500",
];
const NO_FILE = "select count(*) as n from traces where timestamp < '2000-01-01'";
const PATIENCE_MS = 120_000;

/** Counts the requests that a store in MinIO makes for a load and for queries. */
export async function benchObjects({ requests }: { readonly requests: number }): Promise<ObjectFigures> {
  const server = await minio();
  if ('missing' in server) throw new Error(server.missing);
  const dataDir = mkdtempSync(join(tmpdir(), 'openwit-objects-'));
  try {
    const client = new S3Client({
      endpoint: server.found.url,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: MINIO_CREDENTIALS,
    });
    await client.send(new CreateBucketCommand({ Bucket: 'bench' }));
    client.destroy();
    const bucket = { type: 's3', bucket: 'bench', endpoint: server.found.url, credentials: MINIO_CREDENTIALS } as const;
    return await measure(dataDir, bucket, requests);
  } finally {
    await server.found.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

type Bucket = NonNullable<NonNullable<Parameters<typeof OpenWit.open>[0]['tiers']>['cold']>;

async function measure(dataDir: string, cold: Bucket, requests: number): Promise<ObjectFigures> {
  const policies = [{ coldAfterMs: 1 }];
  const ingested = { bytes: 0 };
  let files = 0;
  let requestsOfLoad = 0;
  {
    await using wit = await OpenWit.open({ dataDir, tiers: { cold, policies } });
    for (const payload of workloadRequests('traces', { requests, perRequest: 1000 })) {
      ingested.bytes += payload.length;
      await wit.ingest({ tenant: 'default', signal: 'traces', payload });
    }
    await wit.flush();
    const deadline = Date.now() + PATIENCE_MS;
    // Merged first, then moved.
    while (filesIn(dataDir) > 0) {
      if (Date.now() > deadline) throw new Error('not all files went to the bucket');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    files = wit.stats().store.tables.reduce((sum, table) => sum + table.files, 0);
    requestsOfLoad = total(wit);
  }
  // A node whose cache is empty.
  await using wit = await OpenWit.open({ dataDir, tiers: { cold, policies, cache: { maxBytes: 2 ** 30 } } });
  const asked = async (sql: string): Promise<number> => {
    const before = total(wit);
    await (await wit.query(sql)).rows();
    return total(wit) - before;
  };
  const requestsOfNoFile = await asked(NO_FILE);
  const colds: number[] = [];
  const warms: number[] = [];
  for (const sql of QUERIES) {
    colds.push(await asked(sql));
    warms.push(await asked(sql));
  }
  const figures = {
    files,
    ingestedBytes: ingested.bytes,
    requestsPerGb: Math.round(requestsOfLoad / (ingested.bytes / 1e9)),
    coldRequestsPerFile: Math.max(...colds) / files,
    warmRequests: Math.max(...warms),
    requestsOfNoFile,
    lists: wit.stats().objectRequests.list?.requests ?? 0,
  };
  const overBudget = Object.entries(BUDGET)
    .filter(([name, most]) => figures[name as keyof typeof BUDGET] > most)
    .map(([name, most]) => `${name} is ${figures[name as keyof typeof BUDGET]}, and may be ${most}`);
  return { ...figures, overBudget };
}

function total(wit: OpenWit): number {
  return Object.values(wit.stats().objectRequests).reduce((sum, { requests }) => sum + requests, 0);
}

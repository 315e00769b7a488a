import type { FileIndexer } from '@openwit/ports';
import { serveJobs } from '../job-thread.ts';
import { buildIndex } from './build-index.ts';
import type { IndexJob } from './index-builder.ts';

let indexer: Promise<FileIndexer> | undefined;

serveJobs(async ({ request, module }: IndexJob, isStopped) => {
  indexer ??= import(module).then(({ fileIndexer }: { fileIndexer: FileIndexer }) => fileIndexer);
  return buildIndex(request, await indexer, isStopped);
});

import { serveJobs } from '../job-thread.ts';
import type { MergeJob } from './file-merger.ts';
import { mergeFiles } from './merge-files.ts';

serveJobs(({ request, settings }: MergeJob, isStopped) => mergeFiles(request, settings, isStopped));

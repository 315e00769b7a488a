import { parentPort } from 'node:worker_threads';
import { type ErrorMessage, errorToMessage } from '@openwit/ports';
import { mergeFiles } from './merge-files.ts';
import type { MergedFile, MergeRequest, MergeSettings } from './merge-request.ts';
import { yieldToOthers } from './thread-priority.ts';

export interface MergeJob {
  readonly request: MergeRequest;
  readonly settings: MergeSettings;
  /** One number that is not 0 when the merge is to end. */
  readonly stop: Int32Array;
}

export type MergeAnswer = { readonly files: readonly MergedFile[] } | { readonly error: ErrorMessage };

yieldToOthers();

parentPort!.on('message', ({ request, settings, stop }: MergeJob) => {
  mergeFiles(request, settings, () => Atomics.load(stop, 0) !== 0).then(
    (files) => parentPort!.postMessage({ files } satisfies MergeAnswer),
    (error: unknown) => parentPort!.postMessage({ error: errorToMessage(error) } satisfies MergeAnswer),
  );
});

import { JobThread } from '../job-thread.ts';
import type { MergedFile, MergeRequest, MergeSettings } from './merge-request.ts';

export interface MergeJob {
  readonly request: MergeRequest;
  readonly settings: MergeSettings;
}

/** Merges files in a thread of its own, one merge at a time. */
export class FileMerger {
  readonly #settings: MergeSettings;
  readonly #thread = new JobThread<MergeJob, readonly MergedFile[]>({
    base: import.meta.url,
    file: './merge-worker',
    name: 'openwit-merge',
  });

  constructor(settings: MergeSettings) {
    this.#settings = settings;
  }

  /**
   * The files lie at their unfinished names then, whole but not durable; outputs that got no row are left out. When it
   * rejects, nothing lies there. @throws closed / CLOSED; internal / INTERNAL
   */
  merge(request: MergeRequest): Promise<readonly MergedFile[]> {
    return this.#thread.run({ request, settings: this.#settings });
  }

  /** Stops what is under way, which rejects, and ends the thread. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}

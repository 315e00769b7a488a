import type { BuiltIndex } from '@openwit/ports';
import { JobThread } from '../job-thread.ts';
import type { IndexRequest } from './build-index.ts';

export interface IndexJob {
  readonly request: IndexRequest;
  readonly module: string;
}

/** Builds indexes in a thread of its own, one at a time. */
export class IndexBuilder {
  readonly #module: string;
  readonly #thread = new JobThread<IndexJob, BuiltIndex | undefined>({
    base: import.meta.url,
    file: './index-worker',
    name: 'openwit-index',
  });

  /** @param module the URL of a module that has a `fileIndexer` */
  constructor(module: string) {
    this.#module = module;
  }

  /** See {@link buildIndex}. @throws closed / CLOSED; internal / INTERNAL; data / STORE_CORRUPTION */
  build(request: IndexRequest): Promise<BuiltIndex | undefined> {
    return this.#thread.run({ request, module: this.#module });
  }

  /** Stops what is under way, which rejects, and ends the thread. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}

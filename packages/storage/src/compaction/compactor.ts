import { dirname, join } from 'node:path';
import type { Catalog, Clock, DataFile, FileSystem, Random, TableName } from '@openwit/ports';
import { makeDurableFolder } from '../durable-folder.ts';
import { dayFolder, stableFileName } from '../file-paths.ts';
import type { Chore } from '../maintenance.ts';
import type { TenantTables } from '../tenant-tables.ts';
import type { FileMerger } from './file-merger.ts';
import type { MergeRequest } from './merge-request.ts';
import { type CompactionJob, type CompactionSettings, planCompaction } from './plan-compaction.ts';
import { replaceFiles } from './replace-files.ts';

export interface CompactorParts {
  readonly catalog: Catalog;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly merger: Pick<FileMerger, 'merge' | 'close'>;
  readonly tables: TenantTables;
  /** Called with the files of each merge that took effect, after snapshots show them. */
  readonly onCommitted: (files: readonly DataFile[]) => void;
}

export interface CompactorSettings extends CompactionSettings {
  readonly dataPath: string;
  readonly nodeId: string;
  /** The least share of a file's rows that must have a key for it to be a column. */
  readonly minShare: number;
}

export interface CompactionStats {
  /** Merges that took effect. */
  readonly jobs: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Merges that failed; each is tried again. */
  readonly failures: number;
  /** Why the last one failed; undefined when the last one succeeded. */
  readonly lastError: unknown;
}

export const NO_COMPACTION: CompactionStats = {
  jobs: 0,
  bytesRead: 0,
  bytesWritten: 0,
  failures: 0,
  lastError: undefined,
};

interface TableJob extends CompactionJob<DataFile> {
  readonly tenant: string;
  readonly table: TableName;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 10 * 60 * 1000;

/** Merges the files of all tables as planned, one job after the other. A job that fails waits, and keeps no other back. */
export class Compactor implements Chore {
  readonly #parts: CompactorParts;
  readonly #settings: CompactorSettings;
  /** When a file came into its table, by the monotonic clock; those of before the start are old. */
  readonly #since = new Map<number, number>();
  /** By the ids of a job's files. */
  readonly #failed = new Map<string, { readonly attempts: number; readonly retryAt: number }>();
  #running: Promise<void> = Promise.resolve();
  #isClosing = false;
  #stats = NO_COMPACTION;

  constructor(parts: CompactorParts, settings: CompactorSettings) {
    this.#parts = parts;
    this.#settings = settings;
  }

  get stats(): CompactionStats {
    return this.#stats;
  }

  /** To be told of every file that comes into a table. */
  added(files: readonly DataFile[]): void {
    for (const { fileId } of files) this.#since.set(fileId, this.#parts.clock.monotonic());
  }

  /**
   * Does what is to be done now, in turns with other calls of it.
   * @param closesAll merges what is left of every hour, also of those that are not over
   */
  run({ closesAll = false }: { readonly closesAll?: boolean } = {}): Promise<void> {
    this.#running = this.#running.then(() => this.#runJobs(closesAll));
    return this.#running;
  }

  /** Runs a task while no file is merged. */
  exclusively<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#running.then(task);
    this.#running = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  /** Stops the merge that is under way; what it read stays as it was. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#parts.merger.close();
    await this.#running;
  }

  async #runJobs(closesAll: boolean): Promise<void> {
    while (!this.#isClosing) {
      const job = this.#nextJob(closesAll);
      if (job === undefined) return;
      const key = keyOf(job);
      try {
        await this.#merge(job);
        this.#failed.delete(key);
      } catch (error) {
        if (!this.#isClosing) this.#setBack(key, error);
      }
    }
  }

  /** Of all tables the job with the most files: it spares queries most. */
  #nextJob(closesAll: boolean): TableJob | undefined {
    const { clock, tables } = this.#parts;
    const now = clock.monotonic();
    const ageMs = ({ fileId }: DataFile) => now - (this.#since.get(fileId) ?? -Infinity);
    let best: TableJob | undefined;
    for (const { tenant, table, versions } of tables) {
      const hot = versions.current.files.filter(({ tier }) => tier === 'hot');
      const jobs = closesAll
        ? planCompaction(hot, Infinity, () => Infinity, this.#settings)
        : planCompaction(hot, clock.now(), ageMs, this.#settings);
      for (const job of jobs) {
        if ((this.#failed.get(keyOf(job))?.retryAt ?? -Infinity) > now) continue;
        if (best === undefined || job.files.length > best.files.length) best = { ...job, tenant, table };
      }
    }
    return best;
  }

  async #merge(job: TableJob): Promise<void> {
    // Whoever moves a file meanwhile leaves it here until it is read.
    const { unpin } = this.#parts.tables.table(job.tenant, job.table).pin();
    try {
      await this.#replace(job);
    } finally {
      unpin();
    }
  }

  async #replace(job: TableJob): Promise<void> {
    const { files: inputs } = job;
    const merged = await this.#parts.merger.merge(await this.#requestOf(job));
    const generation = 1 + Math.max(...inputs.map((file) => file.generation));
    const committed = await replaceFiles(this.#parts, { ...job, generation }, merged);
    for (const { fileId } of inputs) this.#since.delete(fileId);
    if (committed.length > 0) this.#parts.onCommitted(committed);
    const bytesOf = (list: readonly { readonly sizeBytes: number }[]) =>
      list.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    this.#stats = {
      ...this.#stats,
      jobs: this.#stats.jobs + 1,
      bytesRead: this.#stats.bytesRead + bytesOf(inputs),
      bytesWritten: this.#stats.bytesWritten + bytesOf(committed),
      lastError: undefined,
    };
  }

  async #requestOf({ tenant, table, files, spans }: TableJob): Promise<MergeRequest> {
    const { catalog, fileSystem, random } = this.#parts;
    const { dataPath, nodeId, minShare } = this.#settings;
    const { fieldIds, attributeColumns } = await catalog.openTable(tenant, table);
    const outputs = spans.map((span) => ({
      ...span,
      path: join(dataPath, dayFolder({ tenant, table }, span.fromNs, nodeId), stableFileName(random)),
    }));
    for (const { path } of outputs) await makeDurableFolder(fileSystem, dirname(path));
    return { table, inputs: files, outputs, fieldIds, attributeColumns, minShare };
  }

  #setBack(key: string, error: unknown): void {
    const attempts = (this.#failed.get(key)?.attempts ?? 0) + 1;
    const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1));
    this.#failed.set(key, { attempts, retryAt: this.#parts.clock.monotonic() + delay });
    this.#stats = { ...this.#stats, failures: this.#stats.failures + 1, lastError: error };
  }
}

function keyOf({ files }: CompactionJob): string {
  return files.map(({ fileId }) => fileId).join();
}

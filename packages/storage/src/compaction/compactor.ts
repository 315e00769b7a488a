import { dirname, join } from 'node:path';
import {
  type Catalog,
  type Clock,
  type DataFile,
  type FileSystem,
  isOpenWitError,
  type NewDataFile,
  OpenWitError,
  type Random,
  type TableName,
} from '@openwit/ports';
import { Backoffs } from '../backoffs.ts';
import { makeDurableFolder } from '../durable-folder.ts';
import { dayFolder, stableFileName } from '../file-paths.ts';
import type { BusyPaths } from '../garbage-sweep.ts';
import type { Chore } from '../maintenance.ts';
import type { TenantTables } from '../tenant-tables.ts';
import type { FileMerger } from './file-merger.ts';
import type { MergeRequest } from './merge-request.ts';
import { type CompactionJob, type CompactionSettings, planCompaction } from './plan-compaction.ts';
import { finishFile, replaceFiles } from './replace-files.ts';

export interface CompactorParts {
  readonly catalog: Catalog;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly merger: Pick<FileMerger, 'merge' | 'close'>;
  readonly tables: TenantTables;
  readonly busy: BusyPaths;
  /** Called with the files of each merge that took effect, after snapshots show them. */
  readonly onCommitted: (files: readonly DataFile[]) => void;
  /** Called when a merge is over: what it announced and did not write stays. */
  readonly onLeft: () => void;
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

/** A merge whose files are durable. */
interface Merge {
  readonly job: TableJob;
  readonly files: readonly NewDataFile[];
  /** Lets go of what it read and what it wrote. */
  readonly release: () => void;
}

const LONGEST_RETRY_MS = 10 * 60 * 1000;

/** Merges the files of all tables as planned, one job after the other. A job that fails waits, and keeps no other back. */
export class Compactor implements Chore {
  readonly #parts: CompactorParts;
  readonly #settings: CompactorSettings;
  /** When a file came into its table, by the monotonic clock; those of before the start are old. */
  readonly #since = new Map<number, number>();
  /** By the ids of a job's files. */
  readonly #failed: Backoffs<string>;
  /** While it is there nothing else is merged: the catalog did not answer. */
  #unclear: Merge | undefined;
  #running: Promise<void> = Promise.resolve();
  #isClosing = false;
  #stats = NO_COMPACTION;

  constructor(parts: CompactorParts, settings: CompactorSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#failed = new Backoffs(parts.clock);
  }

  get stats(): CompactionStats {
    return this.#stats;
  }

  /** To be told of every file that comes into a table. */
  added(files: readonly DataFile[]): void {
    for (const { fileId } of files) this.#since.set(fileId, this.#parts.clock.monotonic());
  }

  /** Does what is to be done now, in turns with other calls of it. */
  async run(): Promise<void> {
    while (await this.exclusively(() => this.#runJob(false)));
  }

  failed(error: unknown): void {
    this.#stats = { ...this.#stats, failures: this.#stats.failures + 1, lastError: error };
  }

  /**
   * Merges what is left of every hour, also of those that are not over.
   * @throws unavailable / STORE_UNAVAILABLE when a merge failed; it is tried again
   */
  async closeHours(): Promise<void> {
    while (await this.exclusively(() => this.#runJob(true)));
    if (this.#isClosing || (this.#unclear === undefined && this.#plan(true).length === 0)) return;
    const { lastError: cause } = this.#stats;
    throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'some files could not be merged yet', { cause });
  }

  /** Runs a task while no file is merged: next, however many merges are to be done. */
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

  /** @returns whether there was one */
  async #runJob(closesAll: boolean): Promise<boolean> {
    if (this.#isClosing) return false;
    const unclear = this.#unclear;
    const job = unclear === undefined ? this.#nextJob(closesAll) : unclear.job;
    if (job === undefined || !this.#mayTry(job)) return false;
    try {
      await (unclear === undefined ? this.#merge(job) : this.#commit(unclear));
      this.#failed.succeeded(keyOf(job));
    } catch (error) {
      if (!this.#isClosing) this.#setBack(keyOf(job), error);
    }
    return true;
  }

  #mayTry(job: CompactionJob): boolean {
    return !this.#failed.isWaiting(keyOf(job));
  }

  /** Of all that may be tried now the one with the most files: it spares queries most. */
  #nextJob(closesAll: boolean): TableJob | undefined {
    const jobs = this.#plan(closesAll);
    if (!closesAll) this.#forgetAllBut(jobs);
    return jobs
      .filter((job) => this.#mayTry(job))
      .reduce<TableJob | undefined>(
        (best, job) => (job.files.length > (best?.files.length ?? 0) ? job : best),
        undefined,
      );
  }

  #plan(closesAll: boolean): TableJob[] {
    const { clock, tables } = this.#parts;
    const now = clock.monotonic();
    const ageMs = ({ fileId }: DataFile) => now - (this.#since.get(fileId) ?? -Infinity);
    return [...tables].flatMap(({ tenant, table, versions }) => {
      const hot = versions.current.files.filter(({ tier }) => tier === 'hot');
      const jobs = closesAll
        ? planCompaction(hot, Infinity, () => Infinity, this.#settings)
        : planCompaction(hot, clock.now(), ageMs, this.#settings);
      return jobs.map((job) => ({ ...job, tenant, table }));
    });
  }

  /** Of what was removed or has grown meanwhile nothing is kept. */
  #forgetAllBut(jobs: readonly TableJob[]): void {
    if (this.#failed.size > 0) this.#failed.keep(new Set(jobs.map(keyOf)));
    const files = [...this.#parts.tables].flatMap(({ versions }) => versions.current.files);
    if (this.#since.size <= files.length) return;
    const ids = new Set(files.map(({ fileId }) => fileId));
    for (const fileId of this.#since.keys()) if (!ids.has(fileId)) this.#since.delete(fileId);
  }

  async #merge(job: TableJob): Promise<void> {
    const { catalog, fileSystem, merger, tables, busy } = this.#parts;
    const { unpin } = tables.table(job.tenant, job.table).pin();
    const letGo: (() => void)[] = [unpin];
    const release = (): void => {
      for (const end of letGo) end();
      this.#parts.onLeft();
    };
    try {
      const request = await this.#requestOf(job);
      const paths = request.outputs.map(({ path }) => path);
      letGo.push(busy.take(paths));
      // What becomes of it no matter how it ends: files of a table, or garbage.
      await catalog.announce(paths);
      const merged = await merger.merge(request);
      const generation = 1 + Math.max(...job.files.map((file) => file.generation));
      const files: NewDataFile[] = merged.map((file) => ({ ...file, tier: 'hot', generation }));
      for (const { path } of files) await finishFile(fileSystem, path);
      this.#unclear = { job, files, release };
    } catch (error) {
      release();
      throw error;
    }
    await this.#commit(this.#unclear);
  }

  /** Again and again until it is clear whether it took effect: until then the inputs are neither live nor gone. */
  async #commit(merge: Merge): Promise<void> {
    try {
      await this.#replace(merge);
    } catch (error) {
      if (isUnclear(error)) throw error;
      this.#unclear = undefined;
      merge.release();
      throw error;
    }
    this.#unclear = undefined;
    merge.release();
  }

  async #replace({ job, files }: Merge): Promise<void> {
    const { tenant, table, files: inputs } = job;
    const committed = await replaceFiles(this.#parts, { tenant, table, gone: inputs, files });
    for (const { fileId } of inputs) this.#since.delete(fileId);
    if (committed.length === 0) return;
    this.#parts.onCommitted(committed);
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
    this.#failed.failed(key, LONGEST_RETRY_MS);
    this.failed(error);
  }
}

function isUnclear(error: unknown): boolean {
  return isOpenWitError(error) && error.kind === 'unavailable' && error.code !== 'CATALOG_CONFLICT';
}

function keyOf({ files }: CompactionJob): string {
  return files.map(({ fileId }) => fileId).join();
}

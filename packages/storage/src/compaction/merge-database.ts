import { type DuckDBConnection, DuckDBInstance, DuckDBPendingResultState } from '@duckdb/node-api';
import { OpenWitError, UncountedGarbage } from '@openwit/ports';
import type { MergeSettings } from './merge-request.ts';
import { literal } from './sql-text.ts';

/** Of the merges of this thread, and the results of its queries. */
const garbage = new UncountedGarbage();

/** A DuckDB for one merge. It works in this very thread, task by task: so its memory is of one arena, and it can be stopped. */
export class MergeDatabase {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #memoryLimitBytes: number;
  readonly #isStopped: () => boolean;

  static async open(settings: MergeSettings, isStopped: () => boolean): Promise<MergeDatabase> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: '1',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connection = await instance.connect();
    await connection.run(`SET temp_directory = ${literal(settings.tempDir)}`);
    // What is read is read once; the cache would hold a file's bytes beside their values.
    await connection.run('SET enable_external_file_cache = false');
    await connection.run('SET parquet_metadata_cache = true');
    const database = new MergeDatabase(instance, connection, settings, isStopped);
    await database.#limitMemory();
    return database;
  }

  private constructor(
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    { memoryLimitBytes }: MergeSettings,
    isStopped: () => boolean,
  ) {
    this.#instance = instance;
    this.#connection = connection;
    this.#memoryLimitBytes = memoryLimitBytes;
    this.#isStopped = isStopped;
  }

  /** Makes DuckDB give free memory of the whole process back to the system (malloc_trim): 50 MB after a burst of ingest. */
  async #limitMemory(): Promise<void> {
    await this.#connection.run(`SET memory_limit = '${Math.ceil(this.#memoryLimitBytes / 1024)}KiB'`);
  }

  /** @throws closed / CLOSED when it was stopped; DuckDB's own error */
  async query(sql: string): Promise<readonly (readonly unknown[])[]> {
    const prepared = await this.#connection.prepare(sql);
    try {
      const pending = prepared.start();
      while (pending.runTask() !== DuckDBPendingResultState.RESULT_READY) {
        if (this.#isStopped()) throw new OpenWitError('closed', 'CLOSED', 'the merge was stopped');
      }
      const reader = await pending.readAll();
      return reader.getRows();
    } finally {
      prepared.destroySync();
    }
  }

  /** What DuckDB held for a query is freed with its result, and that, as all that a merge held, by nothing but a collection. */
  async letGo(bytes: number): Promise<void> {
    if (garbage.add(bytes)) await this.#limitMemory();
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

/** True when the memory limit was met: with less at a time it may go. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && error.message.includes('Out of Memory Error');
}

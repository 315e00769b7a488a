import { type DuckDBConnection, DuckDBInstance, DuckDBPendingResultState } from '@duckdb/node-api';
import { OpenWitError } from '@openwit/ports';
import type { MergeSettings } from './merge-request.ts';
import { literal } from './sql-text.ts';

/** A DuckDB for one merge. It works in this very thread, task by task: so its memory is of one arena, and it can be stopped. */
export class MergeDatabase {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #isStopped: () => boolean;

  static async open({ tempDir, memoryLimitBytes }: MergeSettings, isStopped: () => boolean): Promise<MergeDatabase> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: '1',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connection = await instance.connect();
    const settings = [
      // Makes DuckDB give free memory of the whole process back to the system (malloc_trim): 50 MB after a burst of ingest.
      `memory_limit = '${Math.ceil(memoryLimitBytes / 1024)}KiB'`,
      `temp_directory = ${literal(tempDir)}`,
      // What is read is read once; the cache would hold a file's bytes beside their values.
      'enable_external_file_cache = false',
      'parquet_metadata_cache = true',
    ];
    for (const setting of settings) await connection.run(`SET ${setting}`);
    return new MergeDatabase(instance, connection, isStopped);
  }

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, isStopped: () => boolean) {
    this.#instance = instance;
    this.#connection = connection;
    this.#isStopped = isStopped;
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

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

/** True when the memory limit was met: with less at a time it may go. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && error.message.includes('Out of Memory Error');
}

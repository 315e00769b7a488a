/** Settings of a {@link QueryEngine}; everything has a default. */
export interface QuerySettings {
  /** Threads of DuckDB. Default 2. */
  readonly threads?: number;
  /** Memory that DuckDB may take for all queries together, in bytes. Default 256 MiB. */
  readonly memoryLimitBytes?: number;
  /** How long a query may take, its waiting and its reading included, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** Rows of a result. Default 10,000,000. */
  readonly maxRows?: number;
  /** Bytes of a result in Arrow's form. Default 1 GiB. */
  readonly maxResultBytes?: number;
  /**
   * Queries that run at a time; each holds a thread of Node's pool (4 by default, shared with the file system) while
   * DuckDB works for it. Default 2.
   */
  readonly maxConcurrentQueries?: number;
  /** Queries that wait for their turn before further ones are refused as overloaded. Default 64. */
  readonly maxWaitingQueries?: number;
  /** Where DuckDB puts what does not fit its memory. Default: nowhere, such queries end with QUERY_LIMIT. */
  readonly tempDir?: string;
  /** Bytes that may lie in `tempDir`. Default 1 GiB. */
  readonly maxTempBytes?: number;
  /**
   * The folders that hold the data files, and what is brought here of remote ones. DuckDB is then closed to all others, behind the check of each query. Default:
   * the check alone.
   */
  readonly dataDirs?: readonly string[];
  /** Bytes of the SQL text. Default 1 MiB. */
  readonly maxSqlBytes?: number;
}

const MIB = 1024 * 1024;

/** What a query's worker needs to open DuckDB. */
export interface DatabaseSettings {
  readonly threads: number;
  readonly memoryLimitBytes: number;
  readonly maxConcurrentQueries: number;
  readonly tempDir: string | undefined;
  readonly maxTempBytes: number;
  readonly dataDirs: readonly string[] | undefined;
  readonly searchModule: string | undefined;
  readonly rowModule: string | undefined;
}

export type ResolvedSettings = DatabaseSettings & {
  readonly timeoutMs: number;
  readonly maxRows: number;
  readonly maxResultBytes: number;
  readonly maxWaitingQueries: number;
  readonly maxSqlBytes: number;
};

export function resolveSettings(
  settings: QuerySettings,
  { searchModule, rowModule }: Partial<Pick<DatabaseSettings, 'searchModule' | 'rowModule'>> = {},
): ResolvedSettings {
  return {
    threads: settings.threads ?? 2,
    memoryLimitBytes: settings.memoryLimitBytes ?? 256 * MIB,
    timeoutMs: settings.timeoutMs ?? 30_000,
    maxRows: settings.maxRows ?? 10_000_000,
    maxResultBytes: settings.maxResultBytes ?? 1024 * MIB,
    maxConcurrentQueries: settings.maxConcurrentQueries ?? 2,
    maxWaitingQueries: settings.maxWaitingQueries ?? 64,
    tempDir: settings.tempDir,
    maxTempBytes: settings.maxTempBytes ?? 1024 * MIB,
    dataDirs: settings.dataDirs,
    searchModule,
    rowModule,
    maxSqlBytes: settings.maxSqlBytes ?? MIB,
  };
}

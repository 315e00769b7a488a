import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { type IndexSearcher, type RowReader, TABLES, type TableName, type TextSearcher } from '@openwit/ports';
import { MemoryFunction } from '../memory/memory-function.ts';
import { RowsFunction } from '../memory/rows-function.ts';
import { stringLayoutHolds } from '../memory/self-test.ts';
import { MatchFunction } from '../search/match-function.ts';
import { SelectionFunction } from '../search/selection-function.ts';
import { type FunctionCatalog, loadFunctions } from '../sql/functions.ts';
import { LOGICAL_TABLES } from '../sql/logical-table.ts';
import { Session } from '../sql/session.ts';
import { escapeGlob, identifier, literal } from '../sql/table-sql.ts';
import { FileIndexes } from './file-indexes.ts';
import { KeptFooters } from './kept-footers.ts';
import type { DatabaseSettings } from './settings.ts';

type DatabaseParts = Pick<
  Database,
  'functions' | 'memory' | 'match' | 'selections' | 'rows' | 'searcher' | 'indexes' | 'rowReader' | 'stringsByLayout'
>;

/** DuckDB, hardened, with a connection for each query that may run at a time. */
export class Database {
  readonly functions: FunctionCatalog;
  readonly memory: MemoryFunction;
  readonly match: MatchFunction;
  readonly selections: SelectionFunction;
  readonly rows: RowsFunction;
  readonly searcher: TextSearcher | undefined;
  readonly indexes: FileIndexes | undefined;
  readonly rowReader: RowReader | undefined;
  readonly stringsByLayout: boolean;
  /** To be told of what each query reads. */
  readonly footers: KeptFooters = new KeptFooters();
  readonly #instance: DuckDBInstance;
  readonly #sessions: number;
  readonly #idle: Session[];
  #isClosing = false;

  private constructor(instance: DuckDBInstance, sessions: Session[], parts: DatabaseParts) {
    this.#instance = instance;
    this.#sessions = sessions.length;
    this.#idle = sessions;
    this.functions = parts.functions;
    this.memory = parts.memory;
    this.match = parts.match;
    this.selections = parts.selections;
    this.rows = parts.rows;
    this.searcher = parts.searcher;
    this.indexes = parts.indexes;
    this.rowReader = parts.rowReader;
    this.stringsByLayout = parts.stringsByLayout;
  }

  /** `proveLayout` is replaced by tests of the fallback. */
  static async open(
    settings: DatabaseSettings,
    proveLayout: typeof stringLayoutHolds = stringLayoutHolds,
  ): Promise<Database> {
    if (settings.tempDir !== undefined) await mkdir(dirname(settings.tempDir), { recursive: true });
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(settings.threads),
      memory_limit: `${Math.ceil(settings.memoryLimitBytes / 1024)}KiB`,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_community_extensions: 'false',
      allow_unsigned_extensions: 'false',
    });
    const connections: DuckDBConnection[] = [];
    for (let i = 0; i < settings.maxConcurrentQueries; i++) connections.push(await instance.connect());
    const [first] = connections as [DuckDBConnection];
    const functions = await loadFunctions(first);
    const stringsByLayout = await proveLayout(first);
    const memory = new MemoryFunction(stringsByLayout);
    memory.register(first);
    const match = new MatchFunction(stringsByLayout);
    match.register(first);
    const selections = new SelectionFunction();
    selections.register(first);
    const rows = new RowsFunction();
    rows.register(first);
    const search = settings.searchModule === undefined ? undefined : await moduleOf(settings.searchModule);
    const searcher = search?.textSearcher;
    const indexes = search && new FileIndexes(search.indexSearcher);
    const rowReader = settings.rowModule === undefined ? undefined : await rowReaderOf(settings.rowModule);
    for (const table of Object.keys(TABLES) as TableName[]) await first.run(emptyTable(table));
    for (const connection of connections) await connection.run('SET errors_as_json = true');
    for (const setting of hardening(settings)) await first.run(`SET GLOBAL ${setting}`);
    const sessions = await Promise.all(connections.map(Session.open));
    return new Database(instance, sessions, {
      functions,
      memory,
      match,
      selections,
      rows,
      searcher,
      indexes,
      rowReader,
      stringsByLayout,
    });
  }

  /** There are as many as queries may run at a time, so one is always there. */
  takeSession(): Session {
    const session = this.#idle.pop();
    if (session === undefined) throw new Error('more queries than connections');
    return session;
  }

  giveBack(session: Session): void {
    this.#idle.push(session);
    if (this.#isClosing) this.close();
  }

  /** At once, or when the last session is given back. */
  close(): void {
    this.#isClosing = true;
    if (this.#idle.length < this.#sessions) return;
    for (const session of this.#idle) session.close();
    this.#instance.closeSync();
  }
}

interface SearchModule {
  readonly textSearcher: TextSearcher;
  readonly indexSearcher: IndexSearcher;
}

async function moduleOf(url: string): Promise<SearchModule> {
  return (await import(url)) as SearchModule;
}

async function rowReaderOf(url: string): Promise<RowReader> {
  const { rowReader } = (await import(url)) as { rowReader: RowReader };
  return rowReader;
}

/** The last one closes the door: no setting changes after it, whatever a query finds. */
function hardening({ tempDir, maxTempBytes, dataDirs }: DatabaseSettings): string[] {
  // Files are read by patterns, whose text has to be below a folder too.
  const allowed = dataDirs?.flatMap((folder) => [folder, escapeGlob(folder)]).map(literal);
  const closed =
    allowed === undefined ? [] : [`allowed_directories = [${allowed.join(', ')}]`, 'enable_external_access = false'];
  return [
    "TimeZone = 'UTC'",
    `max_temp_directory_size = '${Math.ceil(maxTempBytes / 1024)}KiB'`,
    `temp_directory = ${literal(tempDir ?? '')}`,
    'parquet_metadata_cache = true',
    // It reads and keeps the bytes between two reads, too, which come into the local copy of a remote file only later.
    'enable_external_file_cache = false',
    ...closed,
    'lock_configuration = true',
  ];
}

/** Queries never read it: DuckDB binds a failing query's own text against it, which tells the error's position. */
function emptyTable(table: TableName): string {
  return `CREATE TABLE ${table} (${LOGICAL_TABLES[table].map(({ name, sqlType }) => `${identifier(name)} ${sqlType}`).join(', ')})`;
}

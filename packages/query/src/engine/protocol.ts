import type { ErrorMessage, IndexRange, LocalIndex, TableName, TableUsage, TextAnalyser } from '@openwit/ports';
import type { ResultColumn } from '../results/arrow-batch.ts';
import type { ColumnBuffers } from '../results/column-buffers.ts';
import type { ResultType } from '../results/result-type.ts';
import type { BindableValue } from '../sql/parameters.ts';
import type { TableInput } from '../sql/plan.ts';
import type { RemoteRead } from '../sql/remote-reads.ts';
import type { FileListChanges } from './file-lists.ts';

/** A query with its snapshot, as plain data; memory crosses as shared buffers, without a copy. */
export interface QueryRequest {
  readonly id: number;
  readonly tenant: string;
  readonly sql: string;
  readonly parameters: Readonly<Record<string, BindableValue>>;
  readonly tables: Partial<Readonly<Record<TableName, TableInput>>>;
  readonly nowMs: number;
  readonly maxRows: number;
  readonly maxResultBytes: number;
  /** What the tenant has in files, when the query may ask for it. */
  readonly usage?: readonly TableUsage[];
  /** How the text of columns becomes words in a search, by table and column. Default: by `log`. */
  readonly analysers?: Partial<Readonly<Record<TableName, Analysers>>>;
  /** Whether the one table has its rows' numbers too; see `ROW_NUMBER`. */
  readonly rowNumbers?: boolean;
}

/** By the names of stored columns. */
export type Analysers = Readonly<Record<string, TextAnalyser>>;

/** From the engine to its worker. */
export type ToWorker =
  /** The request's tables come without their files, which `files` tells of. */
  | { readonly kind: 'query'; readonly request: QueryRequest; readonly files: FileListChanges }
  /** One batch was taken: another may be sent. */
  | { readonly kind: 'next'; readonly id: number }
  /** Answers `localise`: local paths by file id. A failure ends the query by `cancel`. */
  | { readonly kind: 'localised'; readonly id: number; readonly paths: ReadonlyMap<number, string> }
  /** Answers `localiseIndexes`, by file id. */
  | { readonly kind: 'localisedIndexes'; readonly id: number; readonly indexes: ReadonlyMap<number, LocalIndex> }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'close' };

/** What a query read and gave, when its last batch was sent. */
export interface WorkerStats {
  readonly filesRead: number;
  readonly filesSkipped: number;
  readonly memoryRows: number;
}

/** What is read of the index of a file that is not on the local disk. */
export interface RemoteIndexRead {
  readonly table: TableName;
  readonly fileId: number;
  readonly ranges: readonly IndexRange[];
}

/** From the worker. Per query: some `localiseIndexes` and `damaged`, perhaps one `localise`, one `schema`, `batch`es, one `end`; or an `error` at any point, which is the end too. */
export type FromWorker =
  /** Nothing more comes of any query: the thread ends as soon as DuckDB has let go of it. */
  | { readonly kind: 'dying'; readonly error: ErrorMessage }
  /** The query waits for files of the snapshot that are not on the local disk. */
  | { readonly kind: 'localise'; readonly id: number; readonly reads: readonly RemoteRead[] }
  /** The query waits for parts of indexes that are not on the local disk. */
  | { readonly kind: 'localiseIndexes'; readonly id: number; readonly reads: readonly RemoteIndexRead[] }
  /** The index of a file is not what it should be. */
  | { readonly kind: 'damaged'; readonly id: number; readonly table: TableName; readonly fileId: number }
  | {
      readonly kind: 'schema';
      readonly id: number;
      readonly columns: readonly ResultColumn[];
      readonly types: readonly ResultType[];
      readonly stats: WorkerStats;
    }
  | { readonly kind: 'batch'; readonly id: number; readonly rows: number; readonly columns: readonly ColumnBuffers[] }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorMessage };

/** Batches that may be under way or wait for the reader, a query. */
export const BATCHES_IN_FLIGHT = 3;

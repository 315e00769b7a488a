import type { FileIndex } from './file-index.ts';
import type { SourcePosition } from './receiver.ts';
import type { TableName } from './signal.ts';
import type { AttributeColumn, DataFile, Tier } from './table-source.ts';
import type { WalRange } from './write-ahead-log.ts';

/** Statistics of one column of one file; values are DuckLake's text forms. */
export interface FileColumnStats {
  readonly fieldId: number;
  readonly valueCount: number;
  readonly nullCount: number;
  readonly min?: string;
  readonly max?: string;
  readonly containsNan?: boolean;
}

export interface NewDataFile extends Omit<DataFile, 'fileId' | 'index'> {
  readonly footerBytes: number;
  readonly columnStats: readonly FileColumnStats[];
}

/** The bytes of a file, and of its index, are at another place: same content, same file id. */
export interface FileMove {
  readonly fileId: number;
  /** Where the catalog must still have it. */
  readonly from: string;
  readonly to: string;
  readonly tier: Tier;
  /** The name of the index that is beside it at both places; the catalog must have the file with it, or without one. */
  readonly index?: string | undefined;
}

/** What stands beside a file from now on. */
export interface IndexChange {
  readonly fileId: number;
  /** Where the catalog must still have the file. */
  readonly filePath: string;
  /** Undefined: no index. */
  readonly index: FileIndex | undefined;
}

/** Something that is, or may be, in a store and in no table: to be removed. */
export interface Garbage {
  readonly path: string;
  /** When it became garbage, in milliseconds since the Unix epoch. */
  readonly sinceMs: number;
}

/** One commit: all of it takes effect or nothing. */
export interface CatalogCommit {
  readonly tenant: string;
  readonly table: TableName;
  readonly files: readonly NewDataFile[];
  /**
   * Ids of live files that leave the table with this snapshot: their rows are in `files`, or are to be gone. A file keeps
   * its id when it is moved, and may be replaced wherever it is.
   */
  readonly replaces: readonly number[];
  /** Columns that these files are the first to have. Their field ids go on from the table's `nextFieldId`. */
  readonly newColumns: readonly AttributeColumn[];
  readonly ranges: readonly WalRange[];
  readonly sources: readonly SourcePosition[];
}

export interface CatalogTable {
  readonly tenant: string;
  readonly table: TableName;
  /** Field ids of the fixed columns by path: `timestamp`, `events.element.name`, `attributes.key`. */
  readonly fieldIds: ReadonlyMap<string, number>;
  readonly attributeColumns: readonly AttributeColumn[];
  /** An id that no column of the table has or had. */
  readonly nextFieldId: number;
}

/**
 * What files there are. Guarantees: a commit is atomic and durable when it resolves; committing a range that is
 * already committed adds no file (so a retry after an unclear failure is safe); readers of the same database see
 * whole commits only. Several nodes may write at once: each commit sees those before it. Of two that replace one file the
 * second fails, and so does the second of two moves of a file, or a move of one that was replaced. A node that was opened
 * again elsewhere under its name can change nothing any more.
 *
 * A path, of a file or of its index, is in a snapshot or garbage, never in both; no two files have the same. Every file that a node of this catalog
 * wrote is in a snapshot, or garbage, or was left by a crash in a folder that its node sweeps at its start.
 *
 * Ranges and batch ids are a node's own, source positions are everybody's. A change that fails as `unavailable` /
 * STORE_UNAVAILABLE may have taken effect; the same call again is right: a commit of ranges returns an empty list then,
 * one that replaces files fails as CATALOG_CONFLICT, a move returns the file.
 */
export interface Catalog {
  /** Resolves as long as nobody has opened the node again. @throws fenced / FENCED from then on; unavailable / STORE_UNAVAILABLE */
  checkOwner(): Promise<void>;
  /** The table, made when it is not there. @throws invalid / INVALID_TENANT when another tenant differs only in case */
  openTable(tenant: string, table: TableName): Promise<CatalogTable>;
  /** Every table there is. */
  tables(): Promise<readonly CatalogTable[]>;
  /** The live files of a table. */
  files(tenant: string, table: TableName): Promise<readonly DataFile[]>;
  /**
   * Returns the files as committed, or an empty list when all the ranges were committed before.
   * @throws unavailable / CATALOG_CONFLICT when it was planned for another state of the table: a file that it replaces is not
   * live any more, the id of a new column is taken, the table was dropped, or the path of a file is in a snapshot already;
   * fenced / FENCED; nothing is changed then
   */
  commit(commit: CatalogCommit): Promise<readonly DataFile[]>;
  /**
   * Every snapshot reads the file at its new place from now on; the old place becomes garbage of the node that wrote the file,
   * and so does that of its index.
   * @returns the file as it is now @throws unavailable / CATALOG_CONFLICT when the file is not live any more, was moved from
   * `from` to another place than `to`, has another index, or another file is there; fenced / FENCED
   */
  move(move: FileMove): Promise<DataFile>;
  /**
   * Every snapshot reads the file with this index from now on. The one that it had becomes garbage of the node that wrote the file.
   * @returns the file as it is now @throws unavailable / CATALOG_CONFLICT when the file is not live any more or not there any
   * more; fenced / FENCED
   */
  setIndex(change: IndexChange): Promise<DataFile>;
  /**
   * From the next snapshot on the tenant has no tables, and its name can be used again, also in another case. Nothing
   * happens when there is no such tenant.
   */
  dropTenant(tenant: string): Promise<void>;
  /**
   * Forgets the snapshots that were followed by another before this time, never the newest. Files that no snapshot has any
   * more become garbage of the node that wrote them, and all that was kept of them goes, in steps between which others
   * commit. Where the times of snapshots contradict each other, rather too few are forgotten.
   * @returns how many snapshots went
   */
  expireSnapshots(beforeMs: number): Promise<number>;
  /**
   * Something may come to be at these paths: it is this node's garbage from now on, until a commit or a move takes it into
   * a table. Paths that a snapshot has are left as they are; what was garbage before is so since now.
   */
  announce(paths: readonly string[]): Promise<void>;
  /**
   * Something was found at these paths: what neither a snapshot has nor is anybody's garbage is this node's garbage from now
   * on. @returns how many those were
   */
  adopt(paths: readonly string[]): Promise<number>;
  /**
   * What was deleted before is not in the catalog's own files any more, as far as the database can promise that: SQLite
   * writes its file anew, Postgres lets go of it. @throws unavailable / STORE_UNAVAILABLE when another process still reads an
   * older state after some seconds
   */
  scrub(): Promise<void>;
  /** Where the files, and their indexes, are that older snapshots have and the newest has not: readers of those may still want them. */
  retiredPaths(): Promise<readonly string[]>;
  /** This node's garbage, the oldest first. */
  garbage(): Promise<readonly Garbage[]>;
  /** What was at these paths was removed. Another node's garbage is left as it is. */
  forgetGarbage(paths: readonly string[]): Promise<void>;
  /** The last time that this node was sure of, in milliseconds since the Unix epoch; undefined when it never was. */
  trustedMs(): Promise<number | undefined>;
  /** This node is sure that it is as late: for the next start, when its clock may be wrong. */
  trust(ms: number): Promise<void>;
  /** The committed ranges that are not forgotten yet. */
  committedRanges(): Promise<readonly WalRange[]>;
  /** No record of these batches is in the log any more: their ranges need not be kept. */
  forgetRanges(batchIds: readonly number[]): Promise<void>;
  /** Where each source goes on. */
  sourcePositions(): Promise<readonly SourcePosition[]>;
  /** A number greater than every batch id ever committed. */
  nextBatchId(): Promise<number>;
  close(): Promise<void>;
}

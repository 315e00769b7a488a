import {
  type DataFile,
  type FoundRows,
  type IndexCondition,
  type IndexRange,
  isOpenWitError,
  type LocalIndex,
  type MissingRanges,
  type RowReader,
  type TableName,
} from '@openwit/ports';
import { logicalType } from '../memory/duckdb-types.ts';
import type { RowsFunction } from '../memory/rows-function.ts';
import { type SelectionFunction, selectionOf } from '../search/selection-function.ts';
import type { IndexAnswers } from '../sql/known-rows.ts';
import { logicalRows } from '../sql/logical-rows.ts';
import { columnsRead, type FileGroup, type TableRead } from '../sql/table-sql.ts';
import { FileIndexes } from './file-indexes.ts';
import type { RemoteIndexRead } from './protocol.ts';

export interface IndexSearchParts {
  readonly indexes: FileIndexes;
  readonly selections: SelectionFunction;
  /** Aborted when the query is cancelled. */
  readonly signal: AbortSignal;
  readonly rows: RowsFunction;
  /** Reads few rows of files; without, DuckDB does. */
  readonly rowReader: RowReader | undefined;
  /** Brings parts of remote indexes, one call at a time. */
  readonly fetch: (reads: readonly RemoteIndexRead[]) => Promise<ReadonlyMap<number, LocalIndex>>;
  /** Called for a file whose index is not there, or is damaged: it is read without. */
  readonly onDamaged: (table: TableName, file: DataFile) => void;
}

/** An index that wants more rounds than this is not to be trusted. */
const MOST_ROUNDS = 20;

/** What one query asks indexes. */
export class IndexSearch implements IndexAnswers {
  readonly #parts: IndexSearchParts;
  readonly #selected: number[] = [];
  readonly #rowsRead: number[] = [];
  /** Tables are asked one after the other where something is fetched. */
  #fetching: Promise<unknown> = Promise.resolve();

  constructor(parts: IndexSearchParts) {
    this.#parts = parts;
  }

  async find(
    table: TableName,
    files: readonly DataFile[],
    conditions: readonly IndexCondition[],
    isCount: boolean,
  ): Promise<ReadonlyMap<DataFile, FoundRows>> {
    // What is archived would have to be restored first.
    const asked = files.filter((file) => file.tier !== 'archive' && FileIndexes.concerns(file, conditions));
    const found = new Map<DataFile, FoundRows>();
    const { indexes, signal } = this.#parts;
    const search = async (file: DataFile, local?: LocalIndex): Promise<readonly IndexRange[]> => {
      const answer = await this.#heed(table, file, () => indexes.search(file, local, conditions, isCount, signal));
      if (answer !== undefined && 'missing' in answer) return answer.missing;
      if (answer !== undefined) found.set(file, answer);
      return [];
    };
    await Promise.all(asked.filter(({ tier }) => tier === 'hot').map((file) => search(file)));
    const remote = asked.filter(({ tier }) => tier !== 'hot');
    if (remote.length > 0) await this.#inTurn(() => this.#searchRemote(table, remote, search));
    return found;
  }

  select(rows: Uint32Array, fileRows: number): number {
    const number = this.#parts.selections.add(selectionOf(rows, fileRows));
    this.#selected.push(number);
    return number;
  }

  readRows(read: TableRead, group: FileGroup, rows: Uint32Array): number | undefined {
    const names = columnsRead(read, group);
    const values = this.#parts.rowReader?.read(group.files[0]!.path, rows, names);
    if (values === undefined) return undefined;
    const stored = new Map(names.map((name, i) => [name, values[i]!]));
    const types = [...read.columns, ...read.hidden].map(
      (column) => [column.name, logicalType(read.table, column)] as const,
    );
    const columns = logicalRows(read, group, stored, rows.length).map((own, i) => {
      const [name, type] = types[i]!;
      return { name, type, values: own };
    });
    const number = this.#parts.rows.add({ count: rows.length, columns });
    this.#rowsRead.push(number);
    return number;
  }

  /** When DuckDB reads nothing of the query any more. */
  release(): void {
    for (const number of this.#selected) this.#parts.selections.remove(number);
    for (const number of this.#rowsRead) this.#parts.rows.remove(number);
  }

  /** Round after round: of all files at once what they miss, until none misses anything. */
  async #searchRemote(
    table: TableName,
    files: readonly DataFile[],
    search: (file: DataFile, local: LocalIndex) => Promise<readonly IndexRange[]>,
  ): Promise<void> {
    let missing = files.map((file) => ({ file, ranges: [tailOf(file)] as readonly IndexRange[] }));
    for (let round = 0; missing.length > 0; round++) {
      if (round === MOST_ROUNDS) {
        for (const { file } of missing) this.#parts.onDamaged(table, file);
        return;
      }
      const reads = missing.map(({ file: { fileId }, ranges }) => ({ table, fileId, ranges }));
      const here = await this.#parts.fetch(reads);
      const asked = missing.map(async ({ file }) => {
        const local = here.get(file.fileId);
        return { file, ranges: local === undefined ? [] : await search(file, local) };
      });
      missing = (await Promise.all(asked)).filter(({ ranges }) => ranges.length > 0);
    }
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#fetching.then(task);
    this.#fetching = done.catch(() => {});
    return done;
  }

  async #heed(
    table: TableName,
    file: DataFile,
    search: () => Promise<FoundRows | MissingRanges | undefined>,
  ): Promise<FoundRows | MissingRanges | undefined> {
    try {
      return await search();
    } catch (error) {
      if (!isOpenWitError(error) || error.code !== 'STORE_CORRUPTION') throw error;
      this.#parts.onDamaged(table, file);
      return undefined;
    }
  }
}

/** What every search needs. */
function tailOf({ index }: DataFile): IndexRange {
  const { sizeBytes, endBytes } = index!;
  return [sizeBytes - endBytes, sizeBytes];
}

import type { DuckDBType } from '@duckdb/node-api';
import {
  type DataFile,
  type FoundRows,
  type IndexCondition,
  type IndexRange,
  isOpenWitError,
  type LocalIndex,
  type MissingRanges,
  type RowReader,
  TABLES,
  type TableName,
} from '@openwit/ports';
import { duckDbType, TEXT_MAP } from '../memory/duckdb-types.ts';
import type { RowsFunction } from '../memory/rows-function.ts';
import { type SelectionFunction, selectionOf } from '../search/selection-function.ts';
import type { IndexAnswers, StoredColumnRead } from '../sql/known-rows.ts';
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

  readRows(
    table: TableName,
    { path }: DataFile,
    rows: Uint32Array,
    columns: readonly StoredColumnRead[],
  ): number | undefined {
    const values = this.#parts.rowReader?.read(
      path,
      rows,
      columns.map(({ name }) => name),
    );
    if (values === undefined) return undefined;
    const read = columns.map(({ name, type }, i) => ({
      name,
      type: storedType(table, name, type),
      values: values[i]!,
    }));
    const number = this.#parts.rows.add({ count: rows.length, columns: read });
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

/** What DuckDB calls the type of a stored column at the top. */
function storedType(table: TableName, name: string, attribute: StoredColumnRead['type']): DuckDBType {
  if (attribute !== undefined) return duckDbType(attribute);
  const own = TABLES[table].find((column) => column.name === name);
  return own === undefined ? TEXT_MAP : duckDbType(own.type);
}

/** What every search needs. */
function tailOf({ index }: DataFile): IndexRange {
  const { sizeBytes, endBytes } = index!;
  return [sizeBytes - endBytes, sizeBytes];
}

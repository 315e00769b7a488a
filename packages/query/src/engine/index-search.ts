import { type DataFile, type FoundRows, type IndexCondition, isOpenWitError, type TableName } from '@openwit/ports';
import { type SelectionFunction, selectionOf } from '../search/selection-function.ts';
import type { IndexAnswers } from '../sql/known-rows.ts';
import { FileIndexes } from './file-indexes.ts';

export interface IndexSearchParts {
  readonly indexes: FileIndexes;
  readonly selections: SelectionFunction;
  /** Aborted when the query is cancelled. */
  readonly signal: AbortSignal;
  /** Called for a file whose index is not there, or is damaged: it is read without. */
  readonly onDamaged: (table: TableName, file: DataFile) => void;
}

/** What one query asks indexes. */
export class IndexSearch implements IndexAnswers {
  readonly #parts: IndexSearchParts;
  readonly #selected: number[] = [];

  constructor(parts: IndexSearchParts) {
    this.#parts = parts;
  }

  async find(
    table: TableName,
    files: readonly DataFile[],
    conditions: readonly IndexCondition[],
    isCount: boolean,
  ): Promise<ReadonlyMap<DataFile, FoundRows>> {
    const asked = files.filter((file) => file.tier === 'hot' && FileIndexes.concerns(file, conditions));
    const found = new Map<DataFile, FoundRows>();
    await Promise.all(
      asked.map(async (file) => {
        const rows = await this.#search(table, file, conditions, isCount);
        if (rows !== undefined) found.set(file, rows);
      }),
    );
    return found;
  }

  select(rows: Uint32Array, fileRows: number): number {
    const number = this.#parts.selections.add(selectionOf(rows, fileRows));
    this.#selected.push(number);
    return number;
  }

  /** When DuckDB reads nothing of the query any more. */
  release(): void {
    for (const number of this.#selected) this.#parts.selections.remove(number);
  }

  async #search(
    table: TableName,
    file: DataFile,
    conditions: readonly IndexCondition[],
    isCount: boolean,
  ): Promise<FoundRows | undefined> {
    const { indexes, signal, onDamaged } = this.#parts;
    try {
      return await indexes.search(file, conditions, isCount, signal);
    } catch (error) {
      if (!isOpenWitError(error) || error.code !== 'STORE_CORRUPTION') throw error;
      onDamaged(table, file);
      return undefined;
    }
  }
}

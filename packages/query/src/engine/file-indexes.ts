import {
  type DataFile,
  type FoundRows,
  type IndexCondition,
  type IndexSearcher,
  indexPath,
  type LocalIndex,
  type MissingRanges,
  type OpenIndex,
} from '@openwit/ports';

/** Indexes that stay open for the next query. */
const MOST_OPEN = 128;

/** The indexes of files; those on the local disk stay open, and the least recently searched goes first. */
export class FileIndexes {
  readonly #searcher: IndexSearcher;
  readonly #open = new Map<string, Promise<OpenIndex | MissingRanges>>();

  constructor(searcher: IndexSearcher) {
    this.#searcher = searcher;
  }

  /** Whether the index of a file has something to say of a condition. */
  static concerns({ index }: DataFile, conditions: readonly IndexCondition[]): boolean {
    const columns = index?.columns ?? [];
    return conditions.some((condition) => columnsOf(condition).some((column) => columns.includes(column)));
  }

  /**
   * @param local where it is, and what of it, when it is not beside its file on the local disk
   * @throws data / STORE_CORRUPTION; invalid / QUERY_LIMIT; the reason of the signal
   */
  async search(
    file: DataFile,
    local: LocalIndex | undefined,
    conditions: readonly IndexCondition[],
    isCount: boolean,
    signal: AbortSignal,
  ): Promise<FoundRows | MissingRanges | undefined> {
    const path = indexPath(file.path, file.index!);
    const open = local === undefined ? this.#kept(path) : this.#searcher.open(local.path, local.present);
    try {
      const index = await open;
      return 'missing' in index ? index : await index.search(conditions, isCount, signal);
    } catch (error) {
      this.#open.delete(path);
      throw error;
    }
  }

  #kept(path: string): Promise<OpenIndex | MissingRanges> {
    const open = this.#open.get(path) ?? this.#searcher.open(path);
    this.#open.delete(path);
    this.#open.set(path, open);
    if (this.#open.size > MOST_OPEN) this.#open.delete(this.#open.keys().next().value!);
    return open;
  }
}

function columnsOf(condition: IndexCondition): readonly string[] {
  return condition.kind === 'match' ? condition.columns.filter((column) => column !== undefined) : [condition.column];
}

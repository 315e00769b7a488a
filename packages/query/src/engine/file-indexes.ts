import {
  type DataFile,
  type FoundRows,
  type IndexCondition,
  type IndexSearcher,
  indexPath,
  type MissingRanges,
  type OpenIndex,
} from '@openwit/ports';

/** Indexes that stay open for the next query. */
const MOST_OPEN = 128;

/** The indexes of files on the local disk, the least recently searched first. */
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

  /** @throws data / STORE_CORRUPTION; invalid / QUERY_LIMIT; the reason of the signal */
  async search(
    file: DataFile,
    conditions: readonly IndexCondition[],
    isCount: boolean,
    signal: AbortSignal,
  ): Promise<FoundRows | undefined> {
    const path = indexPath(file.path, file.index!);
    const open = this.#open.get(path) ?? this.#searcher.open(path);
    this.#open.delete(path);
    this.#open.set(path, open);
    if (this.#open.size > MOST_OPEN) this.#open.delete(this.#open.keys().next().value!);
    try {
      return whole(await whole(await open).search(conditions, isCount, signal));
    } catch (error) {
      this.#open.delete(path);
      throw error;
    }
  }
}

function columnsOf(condition: IndexCondition): readonly string[] {
  return condition.kind === 'match' ? condition.columns.filter((column) => column !== undefined) : [condition.column];
}

/** A file without holes lacks nothing. */
function whole<T>(answer: T | MissingRanges): T {
  if (typeof answer === 'object' && answer !== null && 'missing' in answer) throw new Error('an index has holes');
  return answer as T;
}

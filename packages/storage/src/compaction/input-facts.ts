import type { StoredColumn, StoredType } from '../parquet/stored-layout.ts';
import type { Rows } from './attribute-moves.ts';
import type { MergeInput } from './merge-request.ts';
import { fileList } from './sql-text.ts';

/** Types whose smallest and greatest value, as text, tell whether all are the same: of floats a NaN is neither. */
const COMPARABLE: readonly StoredType[] = ['int64', 'uint64', 'int32', 'uint32', 'boolean', 'varchar'];

/** Texts of a dictionary are taken for as long as the average of its bounds; those without bounds for half of it, and this at the most. */
const MOST_TEXT_BYTES = 64;

/** Of a leaf, in all inputs that have it. */
interface LeafFacts {
  readonly values: number;
  /** What the values take, one by one: of a text with a dictionary about that. */
  readonly bytes: number;
  readonly rowGroups: number;
  readonly isNull: boolean;
  /** The bounds say so; some have none. */
  readonly isOneValue: boolean;
}

/** What a merge's inputs tell of their columns in their footers. */
export class InputFacts {
  readonly #leaves: ReadonlyMap<string, LeafFacts>;
  readonly #rowGroups: number;

  static async read(inputs: readonly MergeInput[], query: Rows): Promise<InputFacts> {
    const found = await query(
      `SELECT path_in_schema, sum(num_values),
         sum(CASE WHEN type = 'BYTE_ARRAY' AND dictionary_page_offset IS NOT NULL
           THEN num_values * coalesce((strlen(stats_min_value) + strlen(stats_max_value)) / 2,
             least((data_page_offset - dictionary_page_offset) / 2, ${MOST_TEXT_BYTES}))
           ELSE total_uncompressed_size END),
         count(*),
         sum(stats_null_count) = sum(num_values),
         sum(stats_null_count) = 0 AND count(stats_min_value) = count(*)
         AND min(stats_min_value) = max(stats_min_value) AND min(stats_max_value) = max(stats_max_value)
         AND min(stats_min_value) = min(stats_max_value)
       FROM parquet_metadata(${fileList(inputs.map(({ path }) => path))}) GROUP BY 1`,
    );
    const leaves = found.map(([path, values, bytes, rowGroups, isNull, isOneValue]): [string, LeafFacts] => [
      path as string,
      {
        values: Number(values),
        bytes: Number(bytes),
        rowGroups: Number(rowGroups),
        isNull: isNull === true,
        isOneValue: isOneValue === true,
      },
    ]);
    return new InputFacts(new Map(leaves));
  }

  private constructor(leaves: ReadonlyMap<string, LeafFacts>) {
    this.#leaves = leaves;
    this.#rowGroups = leaves.get('timestamp')?.rowGroups ?? 0;
  }

  /** What the values that are not all the same take, with `bytesAValue` for each beside its own. */
  bytes(bytesAValue: number): number {
    let sum = 0;
    for (const leaf of this.#leaves.values()) {
      if (!this.#isConstant(leaf)) sum += leaf.bytes + bytesAValue * leaf.values;
    }
    return sum;
  }

  /** Those of the columns that all inputs have, and that have one and the same value in all their rows. */
  constant(columns: readonly StoredColumn[]): string[] {
    return columns
      .filter(({ name, type, children }) => {
        const leaf = this.#leaves.get(name);
        if (leaf === undefined || children.length > 0 || name === 'timestamp') return false;
        return this.#isConstant(leaf) && (leaf.isNull || COMPARABLE.includes(type));
      })
      .map(({ name }) => name);
  }

  #isConstant({ rowGroups, isNull, isOneValue }: LeafFacts): boolean {
    return rowGroups === this.#rowGroups && (isNull || isOneValue);
  }
}

import type { StoredColumn, StoredType } from '../parquet/stored-layout.ts';
import type { Rows } from './attribute-moves.ts';
import type { MergeInput } from './merge-request.ts';
import { literal } from './sql-text.ts';

const METADATA = 'metadata_of_inputs';

/** Types whose smallest and greatest value, as text, tell whether all are the same: of floats a NaN is neither. */
const COMPARABLE: readonly StoredType[] = ['int64', 'uint64', 'int32', 'uint32', 'boolean', 'varchar'];

/** What a merge's inputs tell of their columns in their footers. */
export class InputFacts {
  readonly #query: Rows;

  static async read(inputs: readonly MergeInput[], query: Rows): Promise<InputFacts> {
    const paths = inputs.map(({ path }) => literal(path.replace(/[*?[]/g, '[$&]'))).join(', ');
    await query(
      `CREATE TEMP TABLE ${METADATA} AS SELECT path_in_schema, num_values, total_uncompressed_size,
         stats_null_count, stats_min_value, stats_max_value FROM parquet_metadata([${paths}])`,
    );
    return new InputFacts(query);
  }

  private constructor(query: Rows) {
    this.#query = query;
  }

  /** Uncompressed, with what its values take in DuckDB's memory beside that. */
  async bytes(bytesAValue: number): Promise<number> {
    const [sums] = await this.#query(`SELECT sum(total_uncompressed_size), sum(num_values) FROM ${METADATA}`);
    const [bytes, values] = sums as [bigint, bigint];
    return Number(bytes) + bytesAValue * Number(values);
  }

  /** Those of the columns that all inputs have, and that have one and the same value in all their rows. */
  async constant(columns: readonly StoredColumn[]): Promise<string[]> {
    const found = await this.#query(
      `SELECT path_in_schema, sum(stats_null_count) = sum(num_values),
         sum(stats_null_count) = 0 AND count(stats_min_value) = count(*)
         AND min(stats_min_value) = max(stats_min_value) AND min(stats_max_value) = max(stats_max_value)
         AND min(stats_min_value) = min(stats_max_value)
       FROM ${METADATA} GROUP BY 1
       HAVING count(*) = (SELECT count(*) FROM ${METADATA} WHERE path_in_schema = 'timestamp')`,
    );
    const facts = new Map(found.map(([path, isNull, isOneValue]) => [path, { isNull, isOneValue }]));
    return columns
      .filter(({ name, type, children }) => {
        const fact = facts.get(name);
        if (fact === undefined || children.length > 0 || name === 'timestamp') return false;
        return fact.isNull === true || (fact.isOneValue === true && COMPARABLE.includes(type));
      })
      .map(({ name }) => name);
  }
}

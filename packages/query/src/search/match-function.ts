import { BOOLEAN, type DuckDBConnection, DuckDBScalarFunction, VARCHAR } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { RowTest, TextColumn } from '@openwit/ports';
import { Rows, type VectorReader } from '../results/rows.ts';
import { PlainTextReader, TextReader } from '../results/text-readers.ts';

/** `openwit_match(test, search, text, …)`: what `match` in SQL becomes. */
export const MATCH_FUNCTION = 'openwit_match';
/** Of its arguments, those before the columns: the name of the test, and the search as it was written. */
const LEADING = 2;

/**
 * The scalar function that tests rows. Its first argument names a test in {@link tests}, so that a query can use no other's. DuckDB
 * calls it on the thread that owns the connection, one chunk a call.
 */
export class MatchFunction {
  readonly tests: Map<string, RowTest> = new Map();
  readonly #stringsByLayout: boolean;
  /** Of each argument, for one chunk after the other: they keep room for as many bytes as came last. */
  readonly #readers: VectorReader[] = [];

  constructor(stringsByLayout: boolean) {
    this.#stringsByLayout = stringsByLayout;
  }

  register(connection: DuckDBConnection): void {
    const own = new DuckDBScalarFunction();
    own.setName(MATCH_FUNCTION);
    own.setVarArgs(VARCHAR);
    own.setReturnType(BOOLEAN);
    // A row without a value is one without words, not one that nothing is known of.
    own.setSpecialHandling();
    // Below the wrapper, which gives no vectors.
    duckdb.scalar_function_set_function(own.scalar_function, (info, input, output) => {
      try {
        this.#write(input, output);
      } catch (error) {
        duckdb.scalar_function_set_error(info, error instanceof Error ? error.message : String(error));
      }
    });
    connection.registerScalarFunction(own);
    own.destroySync();
  }

  #write(input: duckdb.DataChunk, output: duckdb.Vector): void {
    const rows = duckdb.data_chunk_get_size(input);
    if (rows === 0) return;
    const test = this.tests.get(firstText(this.#read(input, 0, 1)));
    if (test === undefined) throw new Error('there is no such search');
    const texts: TextColumn[] = [];
    const columns = duckdb.data_chunk_get_column_count(input);
    for (let i = LEADING; i < columns; i++) texts.push(this.#read(input, i, rows));
    const matched = Uint8Array.from(test.test(rows, texts));
    duckdb.copy_data_to_vector(output, 0, matched.buffer, 0, rows);
  }

  #read(input: duckdb.DataChunk, column: number, rows: number): TextColumn {
    const reader = (this.#readers[column] ??= this.#stringsByLayout ? new TextReader() : new PlainTextReader(VARCHAR));
    reader.append(duckdb.data_chunk_get_vector(input, column), new Rows(0, rows));
    const { offsets, values, validity } = reader.take();
    return { offsets: offsets!, data: values!, ...(validity && { validity }) };
  }
}

function firstText({ data, offsets }: TextColumn): string {
  return Buffer.from(data.buffer, data.byteOffset, offsets[1]).toString();
}

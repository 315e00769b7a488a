import { type DuckDBConnection, VARCHAR } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { CompiledSearch, TextColumn } from '@openwit/ports';
import { Rows, type VectorReader } from '../results/rows.ts';
import { PlainTextReader, TextReader } from '../results/text-readers.ts';
import { registerTruth } from './scalar-function.ts';

/** `openwit_match(test, search, text, …)`: what `match` in SQL becomes. */
export const MATCH_FUNCTION = 'openwit_match';
/** Of its arguments, those before the columns: the name of the test, and the search as it was written. */
const LEADING = 2;

/** The function that tests rows. Its first argument names a test in {@link tests}, so that a query can use no other's. */
export class MatchFunction {
  readonly tests: Map<string, CompiledSearch> = new Map();
  readonly #stringsByLayout: boolean;
  /** Of each argument, for one chunk after the other: they keep room for as many bytes as came last. */
  readonly #readers: VectorReader[] = [];

  constructor(stringsByLayout: boolean) {
    this.#stringsByLayout = stringsByLayout;
  }

  register(connection: DuckDBConnection): void {
    const of = (input: duckdb.DataChunk, rows: number) => this.#test(input, rows);
    registerTruth(connection, { name: MATCH_FUNCTION, parameters: [], others: VARCHAR, of });
  }

  /** A row without a value is one without words, not one that nothing is known of. */
  #test(input: duckdb.DataChunk, rows: number): Uint8Array {
    const test = this.tests.get(firstText(this.#read(input, 0, 1)));
    if (test === undefined) throw new Error('there is no such search');
    const texts: TextColumn[] = [];
    const columns = duckdb.data_chunk_get_column_count(input);
    for (let i = LEADING; i < columns; i++) texts.push(this.#read(input, i, rows));
    return test.test(rows, texts);
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

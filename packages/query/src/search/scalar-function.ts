import { BOOLEAN, type DuckDBConnection, DuckDBScalarFunction, type DuckDBType } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';

export interface TruthFunction {
  readonly name: string;
  readonly parameters: readonly DuckDBType[];
  /** Of what follows the parameters there may be any number. */
  readonly others?: DuckDBType;
  /** Of each row of a chunk 1 or 0. What it throws is the query's error. */
  of(input: duckdb.DataChunk, rows: number): Uint8Array;
}

/**
 * A function of rows that is true or false, never NULL, also where an argument is NULL. DuckDB calls it on the thread that owns the
 * connection, one chunk a call.
 */
export function registerTruth(connection: DuckDBConnection, { name, parameters, others, of }: TruthFunction): void {
  const own = new DuckDBScalarFunction();
  own.setName(name);
  for (const type of parameters) own.addParameter(type);
  if (others !== undefined) own.setVarArgs(others);
  own.setReturnType(BOOLEAN);
  own.setSpecialHandling();
  // Below the wrapper, which gives no vectors.
  duckdb.scalar_function_set_function(own.scalar_function, (info, input, output) => {
    try {
      const rows = duckdb.data_chunk_get_size(input);
      if (rows > 0) duckdb.copy_data_to_vector(output, 0, bufferOf(of(input, rows)), 0, rows);
    } catch (error) {
      duckdb.scalar_function_set_error(info, error instanceof Error ? error.message : String(error));
    }
  });
  connection.registerScalarFunction(own);
  own.destroySync();
}

/** DuckDB takes a buffer from its beginning, and none that is shared. */
function bufferOf(values: Uint8Array): ArrayBuffer {
  const isWhole = values.byteOffset === 0 && values.buffer instanceof ArrayBuffer;
  return (isWhole ? values : Uint8Array.from(values)).buffer as ArrayBuffer;
}

import type { DuckDBConnection } from '@duckdb/node-api';

/** Which functions SQL may call, by lower-case name. What is in no list is refused. */
export interface FunctionCatalog {
  /** Scalar functions, aggregates, window functions and scalar macros. */
  readonly allowed: ReadonlySet<string>;
  /** Those of `allowed` whose result is fixed by their arguments: what a plan may compute in advance. */
  readonly constant: ReadonlySet<string>;
  /** Those of `allowed` that make one value of many rows. */
  readonly aggregates: ReadonlySet<string>;
}

/** Table functions that read nothing but their arguments. */
export const TABLE_FUNCTIONS: ReadonlySet<string> = new Set([
  'generate_series',
  'json_each',
  'json_tree',
  'range',
  'repeat',
  'repeat_row',
  'unnest',
]);

/** Not in `duckdb_functions()`: the parser makes them expressions of their own. */
const SYNTAX = ['coalesce', 'grouping', 'grouping_id', 'list_comprehension', 'struct_pack', 'try', 'unnest'];

/** They follow the structure that they are given by recursion: it must be a constant, of no great depth. */
export const STRUCTURED: ReadonlySet<string> = new Set([
  'from_json',
  'from_json_strict',
  'json_transform',
  'json_transform_strict',
]);
export const MAX_STRUCTURE_DEPTH = 64;

/** They make a value as long as a number says, past DuckDB's memory limit. As a constant it must be no more than this. */
export const AMPLIFIERS: ReadonlySet<string> = new Set([
  'array_resize',
  'bitstring',
  'generate_series',
  'list_resize',
  'lpad',
  'range',
  'repeat',
  'rpad',
]);
export const MAX_AMPLIFICATION = 10_000_000;

/**
 * Functions that read settings, the engine's state or other queries' SQL, plan SQL of their own, change the session, or
 * hold a thread, or end the process when a text is nested very deep. Files, environment and network are behind table functions and extensions, which are refused anyhow.
 */
const DENIED = new Set([
  'combine',
  'current_connection_id',
  'current_query',
  'current_query_id',
  'current_setting',
  'current_transaction_id',
  'currval',
  'damerau_levenshtein',
  'editdist3',
  'finalize',
  'get_block_size',
  'getenv',
  'getvariable',
  'json_contains',
  'json_merge_patch',
  'json_serialize_plan',
  'json_structure',
  'levenshtein',
  'nextval',
  'setseed',
  'sleep_ms',
  'stats',
  'txid_current',
  'write_log',
]);
const DENIED_FAMILIES =
  /^(__internal|duckdb_|pragma_|pg_|has_|inet_|read_|write_|parquet_|sniff_|glob$|query$|query_table$)/;

/** Derives the catalog from DuckDB's own list of functions. Nothing that a user could have defined may be in it yet. */
export async function loadFunctions(connection: DuckDBConnection): Promise<FunctionCatalog> {
  const reader = await connection.runAndReadAll(
    `select lower(function_name), bool_and(schema_name <> 'main'), bool_or(stability = 'VOLATILE'),
       bool_and(function_type = 'aggregate')
     from duckdb_functions() where function_type in ('scalar', 'aggregate', 'macro') group by 1`,
  );
  const allowed = new Set(SYNTAX);
  const constant = new Set(SYNTAX);
  const aggregates = new Set<string>();
  for (const [name, elsewhere, volatile, isAggregate] of reader.getRows() as [
    string,
    boolean,
    boolean | null,
    boolean,
  ][]) {
    if (elsewhere || DENIED.has(name) || DENIED_FAMILIES.test(name)) continue;
    allowed.add(name);
    if (volatile !== true) constant.add(name);
    if (isAggregate) aggregates.add(name);
  }
  return { allowed, constant, aggregates };
}

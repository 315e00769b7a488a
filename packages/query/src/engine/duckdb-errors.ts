import type { DuckDBConnection } from '@duckdb/node-api';
import { isOpenWitError, OpenWitError } from '@openwit/ports';
import { positionOfByte, queryError } from '../sql/query-error.ts';

/** An error as DuckDB describes it with `errors_as_json`. */
export interface DuckDbError {
  /** `Binder`, `Catalog`, `Conversion`, `Out of Memory`, … */
  readonly type: string;
  readonly message: string;
  /** Byte offset in the SQL that DuckDB was given. */
  readonly position: number | undefined;
}

export function parseDuckDbError(error: unknown): DuckDbError {
  const text = error instanceof Error ? error.message : String(error);
  const json = text.indexOf('{"exception_type"');
  if (json >= 0) {
    try {
      const fields = JSON.parse(text.slice(json)) as Record<string, string>;
      return {
        type: fields.exception_type!,
        message: fields.exception_message!,
        position: fields.position === undefined ? undefined : Number(fields.position),
      };
    } catch {
      // It is then a text that only looks like one of DuckDB's objects.
    }
  }
  const [, type, message] = /^([A-Z][A-Za-z ]+) Error: ([\s\S]*)$/.exec(text) ?? [];
  return { type: type ?? '', message: message ?? text, position: undefined };
}

/** True when no further query can succeed in this instance of DuckDB. */
export function isFatal(error: unknown): boolean {
  return error !== undefined && !isOpenWitError(error) && ['FATAL', 'INTERNAL'].includes(parseDuckDbError(error).type);
}

/** An error of a query that runs, as the caller sees it; `names` are those of columns that the rewriting added. */
export function runtimeError(error: unknown, names: ReadonlyMap<string, string> = new Map()): OpenWitError {
  if (isOpenWitError(error)) return error;
  const { type, message } = parseDuckDbError(error);
  const cause = error;
  switch (type) {
    case 'Out of Memory':
      return queryError('QUERY_LIMIT', `the query needs more memory than it may have, ${firstLine(message)}`, {
        cause,
      });
    case 'INTERRUPT':
      return queryError('QUERY_CANCELLED', 'the query was cancelled', { cause });
    case 'IO':
      return new OpenWitError(
        'unavailable',
        'STORE_UNAVAILABLE',
        `a data file could not be read, ${firstLine(message)}`,
        { cause },
      );
    case 'INTERNAL':
    case 'FATAL':
      return new OpenWitError('internal', 'INTERNAL', `duckdb failed, ${firstLine(message)}`, { cause });
    default:
      return queryError(
        'QUERY_INVALID',
        message.replace(/openwit_\w+/g, (name) => names.get(name) ?? name),
        { cause },
      );
  }
}

/**
 * An error of a query that could not be prepared. DuckDB saw the rewritten query; the same error over the user's own text
 * and empty tables tells the position.
 */
export async function prepareError(connection: DuckDBConnection, sql: string, error: unknown): Promise<OpenWitError> {
  const rewritten = runtimeError(error);
  if (rewritten.code !== 'QUERY_INVALID' || isOpenWitError(error)) return rewritten;
  try {
    (await connection.prepare(sql)).destroySync();
    return rewritten;
  } catch (original) {
    const { type, message, position } = parseDuckDbError(original);
    if (type !== parseDuckDbError(error).type || firstLine(message) !== firstLine(rewritten.message)) return rewritten;
    return queryError('QUERY_INVALID', message, { cause: error, position: positionOfByte(sql, position) });
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}

import { isDate } from 'node:util/types';
import {
  BIGINT,
  BLOB,
  BOOLEAN,
  blobValue,
  DOUBLE,
  type DuckDBPreparedStatement,
  DuckDBTimestampValue,
  type DuckDBType,
  type DuckDBValue,
  HUGEINT,
  LIST,
  listValue,
  SQLNULL,
  TIMESTAMP,
  VARCHAR,
} from '@duckdb/node-api';
import { queryError, quoted } from './query-error.ts';

// biome-ignore lint/style/noRestrictedGlobals: the type of a value that callers have, no reading of the clock
type Moment = Date;

/**
 * A parameter's value. Integers become BIGINT (HUGEINT beyond 64 bits), other numbers DOUBLE, a Date a TIMESTAMP in UTC,
 * an array a list of what its items have in common.
 */
export type BindableValue = null | boolean | number | bigint | string | Moment | Uint8Array | readonly BindableValue[];

const INT64_LIMIT = 2n ** 63n;
const INT128_LIMIT = 2n ** 127n;

/** `[a, b]` as `{ 1: a, 2: b }`: how DuckDB names positional parameters. */
export function namedParameters(
  params: readonly unknown[] | Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, BindableValue>> {
  if (params === undefined) return {};
  const entries = Array.isArray(params)
    ? params.map((value, i) => [String(i + 1), value] as const)
    : Object.entries(params);
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (!isBindable(value))
        throw queryError('QUERY_INVALID', `a parameter of this type is not possible, name=${quoted(name)}`);
      return [name, value];
    }),
  );
}

/**
 * @param mentioned those that the query had, where the statement need not have them any more
 * @throws QUERY_INVALID when the statement's parameters and the given ones are not the same
 */
export function bindParameters(
  statement: DuckDBPreparedStatement,
  parameters: Readonly<Record<string, BindableValue>>,
  mentioned: ReadonlySet<string> = new Set(),
): void {
  const names = Array.from({ length: statement.parameterCount }, (_, i) => statement.parameterName(i + 1));
  const missing = names.find((name) => !Object.hasOwn(parameters, name));
  if (missing !== undefined) throw queryError('QUERY_INVALID', `a parameter has no value, name=${quoted(missing)}`);
  const unknown = Object.keys(parameters).find((name) => !names.includes(name) && !mentioned.has(name));
  if (unknown !== undefined)
    throw queryError('QUERY_INVALID', `the query has no such parameter, name=${quoted(unknown)}`);
  names.forEach((name, i) => {
    const value = parameters[name]!;
    statement.bindValue(i + 1, toDuckDb(value), typeOf(value));
  });
}

function isBindable(value: unknown): value is BindableValue {
  if (value === null || ['boolean', 'number', 'string'].includes(typeof value)) return true;
  if (typeof value === 'bigint') return value >= -INT128_LIMIT && value < INT128_LIMIT;
  if (isDate(value)) return !Number.isNaN(value.getTime());
  return value instanceof Uint8Array || (Array.isArray(value) && value.every(isBindable));
}

function typeOf(value: BindableValue): DuckDBType {
  if (value === null) return SQLNULL;
  if (typeof value === 'boolean') return BOOLEAN;
  if (typeof value === 'string') return VARCHAR;
  if (typeof value === 'bigint') return value >= -INT64_LIMIT && value < INT64_LIMIT ? BIGINT : HUGEINT;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BIGINT : DOUBLE;
  if (isDate(value)) return TIMESTAMP;
  if (value instanceof Uint8Array) return BLOB;
  return LIST((value as readonly BindableValue[]).map(typeOf).reduce(commonType, SQLNULL));
}

function commonType(a: DuckDBType, b: DuckDBType): DuckDBType {
  if (a === SQLNULL || a.toString() === b.toString()) return b;
  if (b === SQLNULL) return a;
  const numbers: readonly DuckDBType[] = [BIGINT, HUGEINT, DOUBLE];
  const [i, k] = [numbers.indexOf(a), numbers.indexOf(b)];
  if (i < 0 || k < 0)
    throw queryError('QUERY_INVALID', `the items of a list parameter have no common type, types=${a}, ${b}`);
  return numbers[Math.max(i, k)]!;
}

function toDuckDb(value: BindableValue): DuckDBValue {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (isDate(value)) return new DuckDBTimestampValue(BigInt(value.getTime()) * 1000n);
  if (value instanceof Uint8Array) return blobValue(value);
  if (Array.isArray(value)) return listValue(listItems(value));
  return value as DuckDBValue;
}

/** One DOUBLE makes the whole list DOUBLE, and DuckDB's values are typed. */
function listItems(values: readonly BindableValue[]): DuckDBValue[] {
  const doubles = values.some((value) => typeof value === 'number' && !Number.isSafeInteger(value));
  return values.map((value) =>
    doubles && (typeof value === 'number' || typeof value === 'bigint') ? Number(value) : toDuckDb(value),
  );
}

import { OpenWitError } from '@openwit/ports';

export interface Statement {
  readonly sql: string;
  readonly params?: unknown[] | Record<string, unknown>;
}

/**
 * The body of `POST /api/v1/sql`. Integers that a JavaScript number cannot hold become bigints, so that parameters lose
 * nothing. @throws invalid / QUERY_INVALID
 */
export function parseStatement(body: string): Statement {
  const parsed = parseJson(body);
  if (typeof parsed !== 'object' || parsed === null || !('sql' in parsed) || typeof parsed.sql !== 'string') {
    throw new OpenWitError('invalid', 'QUERY_INVALID', 'body must be a JSON object with a text, field=sql');
  }
  const { sql, params } = parsed as { sql: string; params?: unknown };
  if (params === undefined || params === null) return { sql };
  if (typeof params !== 'object') {
    throw new OpenWitError('invalid', 'QUERY_INVALID', 'must be a list or an object, field=params');
  }
  return { sql, params: params as unknown[] | Record<string, unknown> };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body, ((_key: string, value: unknown, context: { source?: string }) =>
      typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context.source ?? '')
        ? BigInt(context.source!)
        : value) as (key: string, value: unknown) => unknown);
  } catch (cause) {
    throw new OpenWitError('invalid', 'QUERY_INVALID', `body is not JSON, reason=${(cause as Error).message}`, {
      cause,
    });
  }
}

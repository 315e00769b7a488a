import { type ErrorCode, type ErrorKind, OpenWitError } from '@openwit/ports';
import { statusText } from './otlp-status.ts';
import { rawJSON } from './raw-json.ts';

/** What `POST /api/v1/sql` answers, as data, in which some numbers are raw JSON, and as the text that came. */
export interface Answer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly text: string;
}

/** An error as the node's API answers it. */
interface ErrorAnswer {
  readonly kind: ErrorKind;
  readonly code: ErrorCode;
  readonly message: string;
}

/** OTLP tells no code but the status: https://opentelemetry.io/docs/specs/otlp/#failures */
const OTLP_ERRORS: Readonly<Record<number, readonly [ErrorKind, ErrorCode]>> = {
  400: ['invalid', 'MALFORMED_OTLP'],
  413: ['invalid', 'REQUEST_TOO_LARGE'],
  415: ['invalid', 'UNSUPPORTED_ENCODING'],
  429: ['overloaded', 'RATE_LIMITED'],
};

/**
 * @throws the node's own error; unavailable / STORE_UNAVAILABLE when there is no node; invalid / INVALID_CONFIG when
 *   something else answers
 */
export async function askNode(url: string, { sql, tenant }: { sql: string; tenant: string }): Promise<Answer> {
  const target = new URL('/api/v1/sql', url);
  const { ok, status, body } = await send(target, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-scope-orgid': tenant },
    body: JSON.stringify({ sql }),
  });
  const text = new TextDecoder().decode(body);
  const { columns, rows, error } = parse(text);
  if (ok && columns !== undefined && rows !== undefined) return { columns, rows, text };
  if (error?.kind !== undefined && error.code !== undefined) {
    throw new OpenWitError(error.kind, error.code, error.message ?? text);
  }
  throw unknownAnswer('API', target, status);
}

/** @throws as the status tells, with the node's own message */
export async function sendOtlp(
  url: string,
  { signal, tenant, body, type }: { signal: string; tenant: string; body: Uint8Array<ArrayBuffer>; type: string },
): Promise<void> {
  const target = new URL(`/v1/${signal}`, url);
  const headers = { 'content-type': type, 'x-scope-orgid': tenant };
  const response = await send(target, { method: 'POST', headers, body });
  if (response.ok) return;
  const { status } = response;
  const message = statusText(response);
  if (message === undefined || status === 404 || status === 405) throw unknownAnswer('OTLP', target, status);
  const [kind, code] = OTLP_ERRORS[status] ?? (['unavailable', 'STORE_UNAVAILABLE'] as const);
  throw new OpenWitError(kind, code, message);
}

/** The body of an answer; nothing of what is asked for when it is no JSON object. */
function parse(text: string): Partial<Answer> & { readonly error?: Partial<ErrorAnswer> } {
  try {
    return Object(JSON.parse(text, keepDigits));
  } catch {
    return {};
  }
}

/** A decimal `1.10` keeps its digits, also inside of a list or a struct: as a double it would be 1.1. */
function keepDigits(_key: string, value: unknown, { source }: { readonly source?: string } = {}): unknown {
  return typeof value === 'number' && source !== undefined && source !== String(value) ? rawJSON(source) : value;
}

/** Something that is no node, or a proxy before a node that is away. */
function unknownAnswer(what: string, { href }: URL, status: number): OpenWitError {
  return status >= 500
    ? new OpenWitError('unavailable', 'STORE_UNAVAILABLE', `no node answers, url=${href} status=${status}`)
    : new OpenWitError('invalid', 'INVALID_CONFIG', `not the ${what} of a node, url=${href} status=${status}`);
}

interface WholeResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
}

async function send(url: URL, init: RequestInit): Promise<WholeResponse> {
  const response = await reached('no node answers', url, fetch(url, init));
  const body = await reached('the answer broke off', url, response.bytes());
  const { ok, status, headers } = response;
  return { ok, status, type: headers.get('content-type') ?? '', body };
}

async function reached<T>(failure: string, url: URL, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', `${failure}, url=${url.origin}`, { cause });
  }
}

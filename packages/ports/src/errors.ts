/**
 * What the caller does next: `invalid` fix the call, `unavailable` retry later, `overloaded` slow down,
 * `data` repair, `fenced` step down, `closed` stop using it, `internal` report a bug.
 */
export type ErrorKind = 'invalid' | 'unavailable' | 'overloaded' | 'data' | 'fenced' | 'closed' | 'internal';

/** Every code an {@link OpenWitError} can carry; each has its heading in `docs/reference/errors.md`. */
export type ErrorCode =
  | 'CATALOG_CONFLICT'
  | 'CLOSED'
  | 'DATA_DIR_LOCKED'
  | 'FENCED'
  | 'INTERNAL'
  | 'INVALID_CONFIG'
  | 'INVALID_OBJECT_KEY'
  | 'INVALID_TENANT'
  | 'MALFORMED_OTLP'
  | 'MISSING_PACKAGE'
  | 'OBJECT_ARCHIVED'
  | 'OBJECT_CORRUPTION'
  | 'OBJECT_EXISTS'
  | 'OBJECT_NOT_FOUND'
  | 'OBJECT_STORE_FORBIDDEN'
  | 'OBJECT_STORE_UNAVAILABLE'
  | 'OVERLOADED'
  | 'QUERY_CANCELLED'
  | 'QUERY_FORBIDDEN'
  | 'QUERY_INVALID'
  | 'QUERY_LIMIT'
  | 'QUERY_TIMEOUT'
  | 'QUOTA_EXCEEDED'
  | 'RATE_LIMITED'
  | 'RECOVERING'
  | 'REQUEST_TOO_LARGE'
  | 'STORE_CORRUPTION'
  | 'STORE_UNAVAILABLE'
  | 'UNSUPPORTED_ENCODING'
  | 'WAL_CORRUPTION'
  | 'WAL_UNAVAILABLE';

export interface ErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** What and where, as plain data: `{ offset: 17, field: 'trace_id' }`. */
  readonly details?: Readonly<Record<string, string | number>>;
  /** For `overloaded` and `unavailable`: when a retry may succeed, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** The one error class of the project. Match `kind` and `code`, never the message. */
export class OpenWitError extends Error {
  override readonly name = 'OpenWitError';
  readonly kind: ErrorKind;
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, string | number>>;
  readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** True for an {@link OpenWitError} of any copy of this package: `instanceof` breaks over duplicate installs. */
export function isOpenWitError(error: unknown): error is OpenWitError {
  return error instanceof Error && error.name === 'OpenWitError' && 'kind' in error && 'code' in error;
}

/** An error as plain data, for a message between threads. */
export interface ErrorMessage {
  readonly kind: ErrorKind;
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, string | number>>;
  readonly retryAfterMs: number | undefined;
  readonly cause: string | undefined;
}

/** Any thrown value as plain data; what is not an {@link OpenWitError} becomes `internal`. */
export function errorToMessage(error: unknown): ErrorMessage {
  const known = isOpenWitError(error) ? error : undefined;
  const cause = known === undefined ? error : known.cause;
  return {
    kind: known?.kind ?? 'internal',
    code: known?.code ?? 'INTERNAL',
    message: error instanceof Error ? error.message : String(error),
    details: known?.details ?? {},
    retryAfterMs: known?.retryAfterMs,
    cause: cause === undefined ? undefined : cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
  };
}

export function errorFromMessage(message: ErrorMessage): OpenWitError {
  return new OpenWitError(message.kind, message.code, message.message, {
    details: message.details,
    ...(message.retryAfterMs === undefined ? {} : { retryAfterMs: message.retryAfterMs }),
    ...(message.cause === undefined ? {} : { cause: new Error(message.cause) }),
  });
}

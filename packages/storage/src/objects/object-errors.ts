import { type ObjectOperation, OpenWitError } from '@openwit/ports';

/** What an adapter knows of a request that failed. */
export interface FailedRequest {
  readonly url: string;
  readonly operation: ObjectOperation;
  readonly key: string;
}

export function objectNotFound(url: string, key: string, cause?: unknown): OpenWitError {
  return new OpenWitError('data', 'OBJECT_NOT_FOUND', `object not found, ${where(url, key)}`, {
    details: { url, key },
    cause,
  });
}

export function objectExists(url: string, key: string, cause?: unknown): OpenWitError {
  return new OpenWitError('fenced', 'OBJECT_EXISTS', `there is an object already, ${where(url, key)}`, {
    details: { url, key },
    cause,
  });
}

export function objectArchived(url: string, key: string, cause?: unknown): OpenWitError {
  return new OpenWitError('unavailable', 'OBJECT_ARCHIVED', `the object must be restored first, ${where(url, key)}`, {
    details: { url, key },
    cause,
  });
}

export function objectCorrupt(url: string, key: string, what: string, cause?: unknown): OpenWitError {
  return new OpenWitError('data', 'OBJECT_CORRUPTION', `${what}, ${where(url, key)}`, {
    details: { url, key },
    cause,
  });
}

export function closedStore(url: string): OpenWitError {
  return new OpenWitError('closed', 'CLOSED', `the object store is closed, url=${url}`);
}

export function storeUnavailable(failed: FailedRequest, cause: unknown, retryAfterMs?: number): OpenWitError {
  return new OpenWitError('unavailable', 'OBJECT_STORE_UNAVAILABLE', `the object store failed, ${request(failed)}`, {
    details: { ...failed },
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

export function storeForbids(failed: FailedRequest, cause: unknown): OpenWitError {
  const message = `the object store refuses: credentials, rights or bucket, ${request(failed)}`;
  return new OpenWitError('invalid', 'OBJECT_STORE_FORBIDDEN', message, { details: { ...failed }, cause });
}

export function badRequest(failed: FailedRequest, option: string, cause: unknown): OpenWitError {
  const message = `the object store cannot do what is asked, ${request(failed)} option=${option}`;
  return new OpenWitError('invalid', 'INVALID_CONFIG', message, { details: { ...failed, option }, cause });
}

/** The order of every list: by the bytes of the key. JavaScript compares UTF-16, which differs beyond U+D800. */
export function byKeyBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function where(url: string, key: string): string {
  return `url=${url} key=\`${key}\``;
}

function request({ url, operation, key }: FailedRequest): string {
  return `operation=${operation} ${where(url, key)}`;
}

import { isOpenWitError, OpenWitError } from '@openwit/ports';

const RETRY_AFTER_MS = 1000;
/** Restoring takes minutes at the least. */
const RESTORE_RETRY_MS = 60_000;

export function queryTooLarge(neededBytes: number, maxBytes: number): OpenWitError {
  const message = `the query reads more of remote files than the cache may hold, neededBytes=${neededBytes} limit=${maxBytes} bytes`;
  return new OpenWitError('invalid', 'QUERY_LIMIT', message, { details: { neededBytes, maxBytes } });
}

export function cacheInUse(maxBytes: number): OpenWitError {
  const message = `other queries hold the cache of remote files, limit=${maxBytes} bytes`;
  const details = { maxBytes };
  return new OpenWitError('overloaded', 'OVERLOADED', message, { details, retryAfterMs: RETRY_AFTER_MS });
}

export function isRestoring(url: string, key: string): OpenWitError {
  const message = `the object is being restored, which takes minutes to hours, url=${url} key=\`${key}\``;
  const details = { url, key };
  return new OpenWitError('unavailable', 'OBJECT_ARCHIVED', message, { details, retryAfterMs: RESTORE_RETRY_MS });
}

export function isArchived(error: unknown): boolean {
  return isOpenWitError(error) && error.code === 'OBJECT_ARCHIVED';
}

export function cacheBroken(path: string, cause: unknown): OpenWitError {
  return new OpenWitError(
    'unavailable',
    'STORE_UNAVAILABLE',
    `the cache of remote files cannot be used, path=\`${path}\``,
    { details: { path }, cause, retryAfterMs: RETRY_AFTER_MS },
  );
}

export function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
}

export function noStore(url: string): OpenWitError {
  const message = `a file lies in an object store that this node does not know, url=${url}`;
  return new OpenWitError('unavailable', 'STORE_UNAVAILABLE', message, { details: { url } });
}

export function cacheClosed(): OpenWitError {
  return new OpenWitError('closed', 'CLOSED', 'the cache of remote files is closed');
}

export function wasReleased(): OpenWitError {
  return new OpenWitError('closed', 'CLOSED', 'the snapshot was released while its files were fetched');
}

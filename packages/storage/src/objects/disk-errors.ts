import { isOpenWitError, OpenWitError } from '@openwit/ports';
import { type FailedRequest, objectNotFound, storeForbids, storeUnavailable } from './object-errors.ts';

const FORBIDDEN = ['EACCES', 'EPERM', 'EROFS'];
const KEY_IMPOSSIBLE = ['ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'ENAMETOOLONG'];

/** Nothing has the name, a part of its path is itself a file, or it is a folder. */
export function isNoFile({ code = '' }: NodeJS.ErrnoException): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR', 'ERR_FS_EISDIR'].includes(code);
}

/** What went wrong in the file system, as the port says it. */
export function diskError(failed: FailedRequest, error: unknown, signal: AbortSignal | undefined): unknown {
  if (isOpenWitError(error) || (signal?.aborted && error === signal.reason)) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (failed.operation === 'get' && isNoFile({ code } as NodeJS.ErrnoException))
    return objectNotFound(failed.url, failed.key, error);
  if (FORBIDDEN.includes(code)) return storeForbids(failed, error);
  if (KEY_IMPOSSIBLE.includes(code)) return impossible(failed.key, error);
  return storeUnavailable(failed, error);
}

function impossible(key: string, cause: unknown): OpenWitError {
  const message = `the disk cannot have the key: it is a folder, below an object, or too long, key=\`${key}\``;
  return new OpenWitError('invalid', 'INVALID_OBJECT_KEY', message, { details: { key }, cause });
}

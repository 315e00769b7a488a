import type { OpenWitError } from '@openwit/ports';
import {
  badRequest,
  type FailedRequest,
  objectExists,
  objectNotFound,
  storeForbids,
  storeUnavailable,
} from './object-errors.ts';

/**
 * The error for a status of HTTP that says what it means; undefined is no answer at all. What a store means by more special
 * codes is decided before. A conflict (409) is between two requests at once: one of them is to try again.
 */
export function answerError(
  failed: FailedRequest,
  status: number | undefined,
  cause: unknown,
  retryAfter?: string | null,
): OpenWitError {
  if (status === 401 || status === 403) return storeForbids(failed, cause);
  if (status === 404) return objectNotFound(failed.url, failed.key, cause);
  if (status === 412) return objectExists(failed.url, failed.key, cause);
  if (status !== undefined && status < 500 && status !== 408 && status !== 409 && status !== 429)
    return badRequest(failed, 'request', cause);
  return storeUnavailable(failed, cause, milliseconds(retryAfter));
}

/** Of a `Retry-After` in seconds; the form with a date is left to our own waits. */
function milliseconds(retryAfter: string | null | undefined): number | undefined {
  const seconds = Number(retryAfter ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

import { isOpenWitError } from '@openwit/ports';
import { answerError } from '../answer-error.ts';
import { type FailedRequest, objectCorrupt, storeForbids, storeUnavailable } from '../object-errors.ts';

/** An answer that is not what was asked for: what the server says of it is the cause of the error. */
export class GcsRefusal extends Error {
  readonly status: number;
  readonly retryAfter: string | null;

  constructor(status: number, retryAfter: string | null, text: string) {
    super(messageOf(text) ?? `status ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** What a request threw, as the port says it. */
export function gcsError(failed: FailedRequest, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (isOpenWitError(error)) return error;
  if (!(error instanceof GcsRefusal)) return storeUnavailable(failed, error);
  const isOfBucket = /bucket does not exist/i.test(error.message) || ['put', 'list'].includes(failed.operation);
  if (error.status === 404 && isOfBucket) return storeForbids(failed, error);
  if (error.status === 400 && /crc32c/i.test(error.message))
    return objectCorrupt(failed.url, failed.key, 'damaged on the way up', error);
  return answerError(failed, error.status, error, error.retryAfter);
}

/** Why there are no credentials: the token server refuses or cannot be reached, or none are found. */
export function gcsAuthError(failed: FailedRequest, error: unknown): unknown {
  const { status, code } = error as { status?: number; code?: unknown };
  if (status !== undefined && status >= 500) return storeUnavailable(failed, error);
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) return storeUnavailable(failed, error);
  return storeForbids(failed, error);
}

function messageOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string } };
    return error?.message;
  } catch {
    return text.slice(0, 500) || undefined;
  }
}

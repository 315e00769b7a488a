import { type Clock, OpenWitError } from '@openwit/ports';

export interface TimeLimit {
  /** Default: no limit. */
  readonly timeoutMs?: number;
  readonly abortSignal?: AbortSignal;
}

/**
 * Runs a deletion until it is done, cancelled or out of time. It rejects at once then; the task ends when it heeds its signal,
 * whose reason is the same error. @throws invalid / QUERY_TIMEOUT, QUERY_CANCELLED
 */
export async function within<T>(
  clock: Clock,
  { timeoutMs, abortSignal }: TimeLimit,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const ended = Promise.withResolvers<never>();
  const end = (error: OpenWitError): void => {
    controller.abort(error);
    ended.reject(error);
  };
  const cancel = () => end(cancelled(abortSignal?.reason));
  if (abortSignal?.aborted) throw cancelled(abortSignal.reason);
  abortSignal?.addEventListener('abort', cancel, { once: true });
  const timer = timeoutMs === undefined ? undefined : clock.schedule(timeoutMs, () => end(timedOut(timeoutMs)));
  try {
    return await Promise.race([task(controller.signal), ended.promise]);
  } finally {
    timer?.cancel();
    abortSignal?.removeEventListener('abort', cancel);
  }
}

function cancelled(cause: unknown): OpenWitError {
  return new OpenWitError('invalid', 'QUERY_CANCELLED', 'the deletion was cancelled', { cause });
}

function timedOut(timeoutMs: number): OpenWitError {
  return new OpenWitError('invalid', 'QUERY_TIMEOUT', `the deletion took too long, limit=${timeoutMs} ms`);
}

import {
  type AroundRequest,
  type Clock,
  isOpenWitError,
  type ObjectContent,
  type ObjectInfo,
  type ObjectRequest,
  type ObjectStore,
  OpenWitError,
  type PutOptions,
  type Random,
  randomFraction,
  sleep,
  surrounded,
} from '@openwit/ports';
import { findOwn } from './find-own.ts';

export interface RetrySettings {
  /** How often a request is sent at most. Default 5. */
  readonly attempts?: number;
  /** The longest wait after the first failure; it doubles with each. Milliseconds; default 100. */
  readonly firstDelayMs?: number;
  /** No wait is longer, also when the store asks for more. Milliseconds; default 10,000. */
  readonly longestDelayMs?: number;
  /** How long one attempt of one request may take, its content included. Milliseconds; default 30,000. */
  readonly timeoutMs?: number;
}

/**
 * The store with its failed requests sent again: those that got no answer in time or OBJECT_STORE_UNAVAILABLE, and reads
 * whose checksum differs, which the way here may have caused. It waits at random between nothing and twice as long each time,
 * so that many clients don't come back at once. A part of an upload is sent again, not the upload.
 *
 * With `ifAbsent`, an attempt whose answer was lost may have made the object; the next then finds it there. So when the object
 * that is there has the same bytes, the put has succeeded. Whoever must know which of several writers it was puts
 * something of its own into the content.
 */
export function retrying(
  store: ObjectStore,
  collaborators: { readonly clock: Clock; readonly random: Random },
  settings: RetrySettings = {},
): ObjectStore {
  const around = retryAround(store.url, collaborators, settings);
  const reader = surrounded(store, around);
  return { ...reader, put: (key, content, options) => putOnce(store, reader, around, key, content, options) };
}

async function putOnce(
  store: ObjectStore,
  reader: ObjectStore,
  around: AroundRequest,
  key: string,
  content: ObjectContent,
  options: PutOptions = {},
): Promise<ObjectInfo> {
  let isUnclear = false;
  const noting: AroundRequest = (request, send, signal) => {
    const noted: typeof send = async (attempt) => {
      // A store that does not hear the signal goes on with an attempt that was given up.
      attempt?.addEventListener('abort', () => (isUnclear = true), { once: true });
      try {
        return await send(attempt);
      } catch (error) {
        isUnclear ||= isUnavailable(error);
        throw error;
      }
    };
    return around(request, noted, signal);
  };
  try {
    return await surrounded(store, noting).put(key, content, options);
  } catch (error) {
    if (!isUnclear || !isOpenWitError(error) || error.code !== 'OBJECT_EXISTS') throw error;
    const own = await findOwn(reader, key, content, options);
    if (own === undefined) throw error;
    return own;
  }
}

function retryAround(
  url: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  { attempts = 5, firstDelayMs = 100, longestDelayMs = 10_000, timeoutMs = 30_000 }: RetrySettings,
): AroundRequest {
  return async (request, send, signal) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await withTimeout(clock, timeoutMs, () => timedOut(url, request, timeoutMs), send, signal);
      } catch (error) {
        if (attempt >= attempts || signal?.aborted || !mayPass(request, error)) throw error;
        const jitterMs = randomFraction(random) * Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1));
        const wantedMs = isOpenWitError(error) ? (error.retryAfterMs ?? 0) : 0;
        await sleep(clock, Math.max(jitterMs, Math.min(wantedMs, longestDelayMs)), signal);
      }
    }
  };
}

function mayPass({ operation }: ObjectRequest, error: unknown): boolean {
  return isUnavailable(error) || (operation === 'get' && isOpenWitError(error) && error.code === 'OBJECT_CORRUPTION');
}

function isUnavailable(error: unknown): boolean {
  return isOpenWitError(error) && error.code === 'OBJECT_STORE_UNAVAILABLE';
}

/** It ends in time also when the store does not hear the signal. */
async function withTimeout<T>(
  clock: Clock,
  timeoutMs: number,
  reason: () => OpenWitError,
  send: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const controller = new AbortController();
  const ended = Promise.withResolvers<never>();
  const end = (cause: unknown): void => {
    controller.abort(cause);
    ended.reject(cause);
  };
  const onAbort = (): void => end(signal?.reason);
  const timer = clock.schedule(timeoutMs, () => end(reason()));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([send(controller.signal), ended.promise]);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}

function timedOut(url: string, { operation, key }: ObjectRequest, timeoutMs: number): OpenWitError {
  const message = `the object store did not answer in time, operation=${operation} url=${url} key=\`${key}\` timeoutMs=${timeoutMs}`;
  return new OpenWitError('unavailable', 'OBJECT_STORE_UNAVAILABLE', message, {
    details: { url, operation, key, timeoutMs },
  });
}

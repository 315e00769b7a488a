import type { AroundRequest, ObjectCall, ObjectOperation, ObjectRequest, ObjectStore } from './object-store.ts';

/** For stores: makes one request of a call, with what the call wants around it. */
export async function makeRequest<T>(
  call: ObjectCall,
  { operation, key, sentBytes = 0 }: { operation: ObjectOperation; key: string; sentBytes?: number },
  send: (signal: AbortSignal | undefined, request: ObjectRequest) => Promise<T>,
): Promise<T> {
  const { signal, around } = call;
  signal?.throwIfAborted();
  const request: ObjectRequest = { operation, key, sentBytes, receivedBytes: 0 };
  const attempt = (attemptSignal: AbortSignal | undefined): Promise<T> => send(attemptSignal, request);
  return around === undefined ? attempt(signal) : around(request, attempt, signal);
}

/** For decorators: the same store with `around` about every request, inside of what the caller wants around it. */
export function surrounded(store: ObjectStore, around: AroundRequest): ObjectStore {
  const within = <C extends ObjectCall>(call: C): C => ({ ...call, around: inside(call.around, around) });
  return {
    url: store.url,
    put: (key, content, options = {}) => store.put(key, content, within(options)),
    get: (key, options = {}) => store.get(key, within(options)),
    head: (key, call = {}) => store.head(key, within(call)),
    remove: (keys, call = {}) => store.remove(keys, within(call)),
    list: (prefix, call = {}) => store.list(prefix, within(call)),
    setStorageClass: (key, storageClass, call = {}) => store.setStorageClass(key, storageClass, within(call)),
    restore: (key, options) => store.restore(key, within(options)),
    removeUnfinished: (beforeMs, call = {}) => store.removeUnfinished(beforeMs, within(call)),
    close: () => store.close(),
  };
}

function inside(outer: AroundRequest | undefined, inner: AroundRequest): AroundRequest {
  if (outer === undefined) return inner;
  return (request, send, signal) => outer(request, (attempt) => inner(request, send, attempt), signal);
}

import { type ObjectOperation, type ObjectRequest, type ObjectStore, surrounded } from '@openwit/ports';

/** What became of one request. */
export type RequestListener = (request: Readonly<ObjectRequest>, error: unknown) => void;

/**
 * The store with `onRequest` told of every request to the place itself, also each part of an upload and each page of a list.
 * Inside `retrying`, of every attempt: `retrying(metered(s3Store(…), counts.add), …)`. `error` is undefined for success.
 */
export function metered(store: ObjectStore, onRequest: RequestListener): ObjectStore {
  return surrounded(store, async (request, send, signal) => {
    request.receivedBytes = 0;
    try {
      const result = await send(signal);
      onRequest(request, undefined);
      return result;
    } catch (error) {
      onRequest(request, error);
      throw error;
    }
  });
}

export interface RequestCount {
  readonly requests: number;
  /** Of these; a put that finds the key taken is one too. */
  readonly failures: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Counts of requests by the operation that they are a part of. */
export class RequestCounts {
  readonly #counts = new Map<ObjectOperation, RequestCount>();

  readonly add: RequestListener = (request, error) => {
    const { operation, sentBytes, receivedBytes } = request;
    const one = { requests: 1, failures: error === undefined ? 0 : 1, sentBytes, receivedBytes };
    this.#counts.set(operation, sumOf(this.of(operation), one));
  };

  of(operation: ObjectOperation): RequestCount {
    return this.#counts.get(operation) ?? NONE;
  }

  /** Of all operations together. */
  total(): RequestCount {
    return [...this.#counts.values()].reduce(sumOf, NONE);
  }

  /** Of those that there were, as they are now. */
  byOperation(): Partial<Record<ObjectOperation, RequestCount>> {
    return Object.fromEntries(this.#counts);
  }
}

const NONE: RequestCount = { requests: 0, failures: 0, sentBytes: 0, receivedBytes: 0 };

function sumOf(a: RequestCount, b: RequestCount): RequestCount {
  return {
    requests: a.requests + b.requests,
    failures: a.failures + b.failures,
    sentBytes: a.sentBytes + b.sentBytes,
    receivedBytes: a.receivedBytes + b.receivedBytes,
  };
}

import { type ObjectOperation, OpenWitError } from '@openwit/ports';

/** Which requests a fault meets. */
export interface ObjectFaultMatch {
  /** Absent: every operation. */
  readonly operation?: ObjectOperation;
  /** Absent: every key. */
  readonly key?: RegExp;
  /** The first matching request that it meets, counted from 1 when the fault is set. Default 1. */
  readonly from?: number;
  /** How many it meets. Default 1. */
  readonly times?: number;
}

export interface ObjectFault {
  /** Matching requests seen so far. */
  readonly seen: number;
  /** The fault is over. */
  clear(): void;
}

/** What becomes of one request. */
export interface RequestFate {
  readonly fails: 'before' | 'after' | undefined;
  readonly delayMs: number;
  readonly againAfterMs: number | undefined;
  error(url: string): OpenWitError;
}

interface Rule extends ObjectFaultMatch {
  seen: number;
  readonly effect: Partial<RequestFate>;
}

/** The faults of a {@link MemoryObjectStore}: what a network and a service far away do to requests. */
export class MemoryStoreFaults {
  #rules: Rule[] = [];

  /** Matching requests fail with OBJECT_STORE_UNAVAILABLE, before they have their effect or after it. */
  fail(
    when: 'before' | 'after',
    match: ObjectFaultMatch = {},
    { retryAfterMs }: { readonly retryAfterMs?: number } = {},
  ): ObjectFault {
    return this.#set(match, { fails: when, error: (url) => injected(url, retryAfterMs) });
  }

  /** Matching requests take longer. */
  slow(delayMs: number, match: ObjectFaultMatch = {}): ObjectFault {
    return this.#set(match, { delayMs });
  }

  /** Matching requests have their effect once more, later: a network that delivers a request twice. */
  repeat(againAfterMs: number, match: ObjectFaultMatch = {}): ObjectFault {
    return this.#set(match, { againAfterMs });
  }

  /** For the store: the fate of its next request. */
  meet(operation: ObjectOperation, key: string): RequestFate {
    let fate: RequestFate = { fails: undefined, delayMs: 0, againAfterMs: undefined, error: injected };
    for (const rule of this.#rules) {
      if (rule.operation !== undefined && rule.operation !== operation) continue;
      if (rule.key !== undefined && !rule.key.test(key)) continue;
      const { from = 1, times = 1 } = rule;
      const nth = ++rule.seen;
      if (nth >= from && nth < from + times) fate = { ...fate, ...rule.effect };
    }
    return fate;
  }

  #set(match: ObjectFaultMatch, effect: Partial<RequestFate>): ObjectFault {
    const rule: Rule = { ...match, seen: 0, effect };
    this.#rules.push(rule);
    return {
      get seen() {
        return rule.seen;
      },
      clear: () => void (this.#rules = this.#rules.filter((other) => other !== rule)),
    };
  }
}

function injected(url: string, retryAfterMs?: number): OpenWitError {
  return new OpenWitError('unavailable', 'OBJECT_STORE_UNAVAILABLE', `injected failure, url=${url}`, {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

import { type AroundRequest, type ObjectStore, OpenWitError, surrounded } from '@openwit/ports';
import type { MemoryObjectStore } from '@openwit/storage';
import type { Hostility } from './hostility.ts';
import type { Life, Scheduler } from './scheduler.ts';

const LONGEST_DELAY_MS = 60_000;

export interface NetworkParts {
  readonly scheduler: Scheduler;
  readonly hostility: Hostility;
}

/** A bucket and the network to it, which outlive the processes that use them. */
export class Bucket {
  readonly name: string;
  readonly inner: MemoryObjectStore;
  readonly #parts: NetworkParts;
  /** What may arrive once more of the puts that did. */
  readonly #arrivals: (() => Promise<unknown>)[] = [];
  /** It answers nobody. */
  isAway = false;
  /** Keys of puts that arrived once more, or after their sender had died: the next sweep finds them. */
  readonly lateKeys: Set<string> = new Set();

  constructor(name: string, inner: MemoryObjectStore, parts: NetworkParts) {
    this.name = name;
    this.inner = inner;
    this.#parts = parts;
  }

  /** As one process reaches it. */
  of(life: Life): ObjectStore {
    const { scheduler, hostility } = this.#parts;
    const around: AroundRequest = async ({ operation, key }, send) => {
      const label = `${this.name} ${operation} ${key}`;
      const arrive = (): Promise<unknown> => this.#late(label, key, () => send(undefined));
      const mayArrive = operation === 'put' ? () => scheduler.random.below(3) === 0 && void arrive() : undefined;
      await scheduler.turn(life, label, mayArrive || undefined);
      let fate = hostility.fate('request');
      if (fate === 'slow') {
        await scheduler.sleep(life, scheduler.random.below(LONGEST_DELAY_MS), label);
        fate = undefined;
      }
      return scheduler.traced(label, async () => {
        if (this.isAway || fate === 'before') throw unavailable(label);
        const result = await send(undefined);
        if (operation === 'put') this.#arrivals.push(arrive);
        if (operation === 'put' && hostility.fails('request')) void arrive();
        if (fate === 'after') throw unavailable(label);
        return result;
      });
    };
    // Closing a process's connections leaves the bucket as it is.
    return { ...surrounded(this.inner, around), close: async () => {} };
  }

  /** A put of any time before arrives once more. */
  repeatPut(): void {
    if (this.#arrivals.length > 0) void this.#parts.scheduler.random.pick(this.#arrivals)();
  }

  async #late(label: string, key: string, send: () => Promise<unknown>): Promise<void> {
    const { scheduler } = this.#parts;
    await scheduler.sleep(undefined, scheduler.random.below(LONGEST_DELAY_MS), `late ${label}`);
    this.lateKeys.add(key);
    await send();
  }
}

function unavailable(label: string): OpenWitError {
  return new OpenWitError('unavailable', 'OBJECT_STORE_UNAVAILABLE', `injected failure, request=${label}`);
}

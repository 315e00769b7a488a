import {
  type ByteRange,
  type Clock,
  canBeginKey,
  checkObjectKey,
  type GetOptions,
  makeRequest,
  type ObjectCall,
  type ObjectContent,
  type ObjectInfo,
  type ObjectOperation,
  type ObjectStore,
  OpenWitError,
  type PutOptions,
  type Random,
  type RestoreOptions,
  randomFraction,
  sleep,
} from '@openwit/ports';
import { MemoryStoreFaults } from './memory-store-faults.ts';
import { byKeyBytes, closedStore, objectArchived, objectExists, objectNotFound } from './object-errors.ts';

export interface MemoryObjectStoreSettings {
  /** Default `memory://objects`. */
  readonly url?: string;
  /** How long a request takes, evenly spread between the two. Milliseconds; default 0 to 0. */
  readonly latencyMs?: readonly [shortest: number, longest: number];
  /** How long it takes until a restored object can be read. Milliseconds; default 0. */
  readonly restoreMs?: number;
  /** Objects of one request of `list`. Default 1,000. */
  readonly pageSize?: number;
}

const CLASSES = ['STANDARD', 'ARCHIVE'];
const DAY_MS = 86_400_000;

interface StoredObject {
  readonly bytes: Uint8Array;
  readonly version: string;
  readonly lastModifiedMs: number;
  storageClass: string;
  readableFromMs: number;
  readableUntilMs: number;
}

/**
 * Objects in memory: for tests, and for nodes that keep nothing. It does no I/O; with a driven clock and a seeded random
 * source a run can be replayed, faults and delays included. Its classes are `STANDARD` and `ARCHIVE`.
 */
export class MemoryObjectStore implements ObjectStore {
  readonly url: string;
  /** What goes wrong, and when. */
  readonly faults: MemoryStoreFaults = new MemoryStoreFaults();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #settings: Required<MemoryObjectStoreSettings>;
  readonly #objects = new Map<string, StoredObject>();
  #puts = 0;
  #isClosed = false;

  constructor(
    { clock, random }: { readonly clock: Clock; readonly random: Random },
    settings: MemoryObjectStoreSettings = {},
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#settings = { url: 'memory://objects', latencyMs: [0, 0], restoreMs: 0, pageSize: 1000, ...settings };
    this.url = this.#settings.url;
  }

  async put(key: string, content: ObjectContent, options: PutOptions = {}): Promise<ObjectInfo> {
    checkObjectKey(key);
    const { ifAbsent = false, storageClass = 'STANDARD' } = options;
    checkClass(storageClass);
    const bytes = Uint8Array.from(await content.read(0, content.sizeBytes));
    return this.#request(options, 'put', key, bytes.length, () => {
      if (ifAbsent && this.#objects.has(key)) throw objectExists(this.url, key);
      const object: StoredObject = {
        bytes,
        version: String(++this.#puts),
        lastModifiedMs: this.#clock.now(),
        storageClass,
        readableFromMs: Infinity,
        readableUntilMs: 0,
      };
      this.#objects.set(key, object);
      return this.#info(key, object);
    });
  }

  async get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    checkObjectKey(key);
    return this.#request(options, 'get', key, 0, () => rangeOf(this.#readable(key).bytes, options.range));
  }

  async head(key: string, call: ObjectCall = {}): Promise<ObjectInfo | undefined> {
    checkObjectKey(key);
    return this.#request(call, 'head', key, 0, () => {
      const object = this.#objects.get(key);
      return object && this.#info(key, object);
    });
  }

  async remove(keys: readonly string[], call: ObjectCall = {}): Promise<void> {
    for (const key of keys) checkObjectKey(key);
    if (keys.length === 0) return;
    await this.#request(call, 'remove', keys[0]!, 0, () => {
      for (const key of keys) this.#objects.delete(key);
    });
  }

  async *list(prefix: string, call: ObjectCall = {}): AsyncGenerator<ObjectInfo> {
    if (!canBeginKey(prefix)) return;
    for (let after: string | undefined = ''; after !== undefined; ) {
      const from: string = after;
      const page: ObjectInfo[] = await this.#request(call, 'list', prefix, 0, () => this.#page(prefix, from));
      yield* page;
      after = page.length < this.#settings.pageSize ? undefined : page.at(-1)!.key;
    }
  }

  async setStorageClass(key: string, storageClass: string, call: ObjectCall = {}): Promise<void> {
    checkObjectKey(key);
    checkClass(storageClass);
    await this.#request(call, 'setStorageClass', key, 0, () => {
      this.#readable(key).storageClass = storageClass;
    });
  }

  async restore(key: string, options: RestoreOptions): Promise<'ready' | 'pending'> {
    checkObjectKey(key);
    return this.#request(options, 'restore', key, 0, () => {
      const object = this.#stored(key);
      const now = this.#clock.now();
      if (this.#isArchived(object) && object.readableUntilMs <= now) {
        object.readableFromMs = now + this.#settings.restoreMs;
        object.readableUntilMs = object.readableFromMs + options.days * DAY_MS;
      }
      return this.#isArchived(object) ? 'pending' : 'ready';
    });
  }

  /** An upload is one request: nothing is left of it. */
  async removeUnfinished(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #request<T>(
    call: ObjectCall,
    operation: ObjectOperation,
    key: string,
    sentBytes: number,
    effect: () => T,
  ): Promise<T> {
    if (this.#isClosed) throw closedStore(this.url);
    return makeRequest(call, { operation, key, sentBytes }, async (signal, request) => {
      const fate = this.faults.meet(operation, key);
      const delayMs = this.#latencyMs() + fate.delayMs;
      if (delayMs > 0) await sleep(this.#clock, delayMs, signal);
      if (fate.fails === 'before') throw fate.error(this.url);
      const result = effect();
      if (fate.againAfterMs !== undefined) this.#clock.schedule(fate.againAfterMs, () => void attempt(effect));
      if (fate.fails === 'after') throw fate.error(this.url);
      if (result instanceof Uint8Array) request.receivedBytes = result.length;
      return result;
    });
  }

  #latencyMs(): number {
    const [shortest, longest] = this.#settings.latencyMs;
    if (longest <= shortest) return shortest;
    return shortest + randomFraction(this.#random) * (longest - shortest);
  }

  #page(prefix: string, after: string): ObjectInfo[] {
    return [...this.#objects]
      .filter(([key]) => key.startsWith(prefix) && byKeyBytes(key, after) > 0)
      .sort(([a], [b]) => byKeyBytes(a, b))
      .slice(0, this.#settings.pageSize)
      .map(([key, object]) => this.#info(key, object));
  }

  #stored(key: string): StoredObject {
    const object = this.#objects.get(key);
    if (object === undefined) throw objectNotFound(this.url, key);
    return object;
  }

  #readable(key: string): StoredObject {
    const object = this.#stored(key);
    if (this.#isArchived(object)) throw objectArchived(this.url, key);
    return object;
  }

  #isArchived({ storageClass, readableFromMs, readableUntilMs }: StoredObject): boolean {
    const now = this.#clock.now();
    return storageClass === 'ARCHIVE' && !(readableFromMs <= now && now < readableUntilMs);
  }

  #info(key: string, object: StoredObject): ObjectInfo {
    const { bytes, version, lastModifiedMs, storageClass } = object;
    const isArchived = this.#isArchived(object);
    return { key, sizeBytes: bytes.length, version, lastModifiedMs, storageClass, isArchived };
  }
}

function rangeOf(bytes: Uint8Array, range: ByteRange | undefined): Uint8Array {
  return range === undefined ? Uint8Array.from(bytes) : bytes.slice(range.offset, range.offset + range.length);
}

function checkClass(storageClass: string): void {
  if (CLASSES.includes(storageClass)) return;
  throw new OpenWitError('invalid', 'INVALID_CONFIG', `no such storage class, storageClass=${storageClass}`, {
    details: { option: 'storageClass' },
  });
}

/** The repetition of a request is answered to nobody, whatever it does. */
function attempt(effect: () => unknown): void {
  try {
    effect();
  } catch {}
}

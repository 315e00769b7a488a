/**
 * A place for objects: a bucket, a folder, memory.
 *
 * Guarantees: an object is there whole or not at all, and durable when `put` resolves; who reads while it is overwritten
 * gets the old content or the new. What was put is seen by every `get`, `head` and `list` that begins later. Content is
 * verified against a checksum on its way up over a network, and down where the store gives a checksum of what is read.
 *
 * Not promised: that a key can also be the folder of another (`a` beside `a/b`), which disks refuse and MinIO does not list.
 *
 * Every call can reject with unavailable / OBJECT_STORE_UNAVAILABLE, with invalid / OBJECT_STORE_FORBIDDEN, INVALID_CONFIG
 * or INVALID_OBJECT_KEY, with closed / CLOSED, and with the reason of its signal.
 */
export interface ObjectStore {
  /** Where it is, for messages and for the catalog: `s3://bucket/prefix`, `file:///…`; no slash at the end. */
  readonly url: string;
  /**
   * Replaces the object that is there, unless `ifAbsent`. A put that fails or is aborted never leaves a part; where its last
   * answer was lost, the whole object may be there (see `retrying` for `ifAbsent`).
   * @throws fenced / OBJECT_EXISTS with `ifAbsent`
   */
  put(key: string, content: ObjectContent, options?: PutOptions): Promise<ObjectInfo>;
  /**
   * The bytes of the object, or those of a range: fewer when the object ends before the range does, none when it ends
   * before the range begins. All of them are held in memory.
   * @throws data / OBJECT_NOT_FOUND, OBJECT_CORRUPTION; unavailable / OBJECT_ARCHIVED
   */
  get(key: string, options?: GetOptions): Promise<Uint8Array>;
  /** Undefined when there is no such object. */
  head(key: string, call?: ObjectCall): Promise<ObjectInfo | undefined>;
  /** What is not there is no error. When it rejects, any of them may be gone. */
  remove(keys: readonly string[], call?: ObjectCall): Promise<void>;
  /**
   * The objects whose key begins with `prefix` (any text, `''` for all), page by page, by the UTF-8 bytes of the key; stores
   * differ in where they put characters beyond U+FFFF.
   */
  list(prefix: string, call?: ObjectCall): AsyncIterable<ObjectInfo>;
  /**
   * Moves the object to a class of the store, by the store's own name of it: `GLACIER`, `ARCHIVE`, `Archive`.
   * @throws data / OBJECT_NOT_FOUND; unavailable / OBJECT_ARCHIVED when it must be restored first; invalid / INVALID_CONFIG
   * when the store has no such class
   */
  setStorageClass(key: string, storageClass: string, call?: ObjectCall): Promise<void>;
  /** Asks for an archived object to be made readable; asking again tells how far it is. @throws data / OBJECT_NOT_FOUND */
  restore(key: string, options: RestoreOptions): Promise<'ready' | 'pending'>;
  /**
   * Removes what is left of uploads that were begun before this time, in milliseconds since the Unix epoch, and neither
   * finished nor given up: their process died. One that is still under way fails with OBJECT_STORE_UNAVAILABLE. Younger ones
   * go on. Stores whose service removes them by itself do nothing.
   * @returns how many there were
   */
  removeUnfinished(beforeMs: number, call?: ObjectCall): Promise<number>;
  /** Lets go of connections; what is under way may reject. Closing twice does nothing. */
  close(): Promise<void>;
}

/** What an object is to hold. Read in order, a part at a time, so that memory is bounded by the part; maybe again. */
export interface ObjectContent {
  readonly sizeBytes: number;
  /** Exactly these bytes; the store does not change them. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** What a store tells of an object; absent is what it does not know. */
export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Changes when the object is overwritten: an ETag or a generation. */
  readonly version?: string;
  readonly lastModifiedMs?: number;
  readonly storageClass?: string;
  /** `get` answers OBJECT_ARCHIVED until `restore` has made it readable. */
  readonly isArchived: boolean;
}

/** Options of every call. */
export interface ObjectCall {
  /** Aborting it rejects the call with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Surrounds every request of the call; see {@link AroundRequest}. */
  readonly around?: AroundRequest;
}

export interface PutOptions extends ObjectCall {
  /** Only when no object has the key: of all that try at once, one succeeds. */
  readonly ifAbsent?: boolean;
  /** The store's own name of the class; the bucket's default when absent. */
  readonly storageClass?: string;
}

export interface GetOptions extends ObjectCall {
  readonly range?: ByteRange;
}

export interface RestoreOptions extends ObjectCall {
  /** How long it stays readable, where it goes back by itself. */
  readonly days: number;
}

/** Bytes `[offset, offset + length)`; both are integers, zero or more. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export type ObjectOperation =
  | 'put'
  | 'get'
  | 'head'
  | 'remove'
  | 'list'
  | 'setStorageClass'
  | 'restore'
  | 'removeUnfinished';

/** One request to the place itself: a call is one, or many when it goes in parts, batches or pages. */
export interface ObjectRequest {
  /** The call that it is a part of. */
  readonly operation: ObjectOperation;
  /** The object's key, the first of a batch, or the prefix of a list; `''` where it is about all. */
  readonly key: string;
  /** Bytes of content that go out. */
  readonly sentBytes: number;
  /** Bytes of content that came in; set when the answer has arrived. */
  receivedBytes: number;
}

/**
 * What is done around each request, such as counting it or sending it again: a store makes every request through it, and
 * `send` can be called several times. The signal ends one attempt.
 */
export type AroundRequest = <T>(
  request: ObjectRequest,
  send: (signal: AbortSignal | undefined) => Promise<T>,
  signal: AbortSignal | undefined,
) => Promise<T>;

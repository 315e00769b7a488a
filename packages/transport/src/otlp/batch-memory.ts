/** The batch cannot take the request: it must be sealed first, or the request alone is too large. */
export class BatchFull extends Error {
  readonly reason: BatchFullReason;

  constructor(reason: BatchFullReason) {
    super(reason);
    this.reason = reason;
  }
}

/** What ran out; `details.reason` of the OVERLOADED error. */
export type BatchFullReason = 'too many records' | 'too many bytes' | 'too many keys';

/**
 * Where the buffers of one batch come from. They are shared, so that other threads read them while this one appends
 * behind what they see; a buffer that is replaced stays valid for those who still read it.
 */
export class BatchMemory {
  /** Changes whenever views that were handed out no longer show the whole batch. */
  generation = 0;
  /** Of all buffers as they are now. */
  capacityBytes = 0;
  /** Growth is refused when the batch uses more than this. */
  limitBytes: number = Number.POSITIVE_INFINITY;
  /** Set by the batch that owns the memory. */
  bytesInUse: () => number = () => 0;

  allocate(bytes: number): SharedArrayBuffer {
    this.capacityBytes += bytes;
    return new SharedArrayBuffer(bytes);
  }

  /**
   * A larger buffer with the same content. A column at most doubles between two of these checks, so a request that
   * unpacks to far more than it is long cannot take more than about twice the limit.
   */
  grow(old: ArrayBufferLike, bytes: number): SharedArrayBuffer {
    if (this.bytesInUse() > this.limitBytes) throw new BatchFull('too many bytes');
    this.generation++;
    const grown = this.allocate(bytes);
    this.capacityBytes -= old.byteLength;
    new Uint8Array(grown).set(new Uint8Array(old));
    return grown;
  }
}

const SMALLEST_BYTES = 4096;
const MAX_IDLE_BYTES = 16 * 1024 * 1024;

/**
 * Shared memory that goes round: requests are put together in it, read by another thread and written to the log without
 * being allocated, moved or copied in between. (Plain buffers that go to a thread and back cost more than their decoding:
 * each counts as garbage on both sides.)
 */
export class SharedBuffers {
  readonly #maxIdleBytes: number;
  /** By size, a power of two. */
  readonly #idle = new Map<number, SharedArrayBuffer[]>();
  #idleBytes = 0;

  /** @param maxIdleBytes what may lie unused; default 16 MiB */
  constructor(maxIdleBytes: number = MAX_IDLE_BYTES) {
    this.#maxIdleBytes = maxIdleBytes;
  }

  /** So many bytes, with anything in them. */
  take(length: number): Uint8Array<SharedArrayBuffer> {
    const size = sizeFor(length);
    const idle = this.#idle.get(size)?.pop();
    if (idle !== undefined) this.#idleBytes -= size;
    return new Uint8Array(idle ?? new SharedArrayBuffer(size), 0, length);
  }

  /**
   * Takes back what {@link take} gave; the caller must not touch it any more.
   * @returns false when enough lies unused, and this becomes garbage
   */
  giveBack({ buffer }: Uint8Array<SharedArrayBuffer>): boolean {
    const size = buffer.byteLength;
    if (this.#idleBytes + size > this.#maxIdleBytes) return false;
    this.#idleBytes += size;
    const sameSize = this.#idle.get(size);
    if (sameSize === undefined) this.#idle.set(size, [buffer]);
    else sameSize.push(buffer);
    return true;
  }

  /** Runs `use` on the bytes where another thread can read them: as they are, or copied for as long as it takes. */
  async lend<T>(bytes: Uint8Array, use: (shared: Uint8Array<SharedArrayBuffer>) => Promise<T>): Promise<T> {
    if (isShared(bytes)) return use(bytes);
    const shared = this.take(bytes.length);
    shared.set(bytes);
    try {
      return await use(shared);
    } finally {
      this.giveBack(shared);
    }
  }
}

/** The next power of two, and no page less. */
function sizeFor(length: number): number {
  let size = SMALLEST_BYTES;
  while (size < length) size *= 2;
  return size;
}

function isShared(bytes: Uint8Array): bytes is Uint8Array<SharedArrayBuffer> {
  return bytes.buffer instanceof SharedArrayBuffer;
}

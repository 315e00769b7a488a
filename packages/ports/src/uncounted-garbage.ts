import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** A collection takes about 10 ms of a thread whose heap is small. */
const MOST_BYTES = 32 * 1024 * 1024;

/**
 * Memory that this thread let go of and that V8 counts nowhere: shared buffers, and what a native library frees with an object.
 * A thread that makes little other garbage is never collected, and it would stay for ever.
 */
export class UncountedGarbage {
  readonly #collect: () => void;
  #bytes = 0;

  constructor() {
    this.#collect = globalThis.gc ?? hiddenGc();
  }

  /**
   * Nothing of this thread may refer to it any more.
   * @returns true when it was enough for a collection
   */
  add(bytes: number): boolean {
    this.#bytes += bytes;
    if (this.#bytes < MOST_BYTES) return false;
    this.#bytes = 0;
    this.#collect();
    return true;
  }
}

/**
 * For this thread alone: no other context gets a `gc`. The flag is the whole process's, and another thread that is
 * done here may take it away before the context is made.
 */
function hiddenGc(): () => void {
  let gc: (() => void) | undefined;
  while (gc === undefined) {
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('globalThis.gc');
  }
  setFlagsFromString('--no-expose-gc');
  return gc;
}

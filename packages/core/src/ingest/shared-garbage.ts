import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** A collection takes about 10 ms of a thread whose heap is small. */
const MOST_BYTES = 32 * 1024 * 1024;

/**
 * Shared buffers that this thread let go of. V8 counts them nowhere, and a thread that makes little other garbage is never
 * collected: they would stay for ever.
 */
export class SharedGarbage {
  readonly #collect: () => void;
  #bytes = 0;

  constructor() {
    this.#collect = globalThis.gc ?? hiddenGc();
  }

  /** Nothing of this thread may refer to them any more. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < MOST_BYTES) return;
    this.#bytes = 0;
    this.#collect();
  }
}

/** For this thread alone: no other context gets a `gc`. */
function hiddenGc(): () => void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return gc;
}

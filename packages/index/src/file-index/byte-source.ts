import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { IndexRange } from '@openwit/ports';
import { DamagedIndex } from './index-format.ts';

/** Bytes of a file with holes that are not here. */
export class BytesMissing extends Error {
  override readonly name = 'BytesMissing';
  readonly ranges: readonly IndexRange[];

  constructor(ranges: readonly IndexRange[]) {
    super('bytes of the index are not here');
    this.ranges = ranges;
  }
}

/** A file that is open, whole or with holes. */
export class ByteSource {
  readonly sizeBytes: number;
  readonly #fd: number;
  readonly #present: readonly IndexRange[] | undefined;

  /** @throws the file system's error */
  constructor(path: string, present: readonly IndexRange[] | undefined) {
    this.#fd = openSync(path, 'r');
    this.sizeBytes = fstatSync(this.#fd).size;
    this.#present = present;
  }

  /** @throws BytesMissing; DamagedIndex when the file is shorter */
  read([start, end]: IndexRange): Uint8Array {
    const isHere = this.#present?.some(([from, to]) => from <= start && end <= to) ?? true;
    if (!isHere) throw new BytesMissing([[start, end]]);
    const bytes = new Uint8Array(end - start);
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(this.#fd, bytes, at, bytes.length - at, start + at);
      if (count === 0) throw new DamagedIndex('the index is shorter than it says');
      at += count;
    }
    return bytes;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

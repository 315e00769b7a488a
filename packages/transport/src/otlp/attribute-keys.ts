import type { ColumnData } from '@openwit/ports';
import { BatchFull, type BatchMemory } from './batch-memory.ts';
import { ByteDictionary } from './byte-dictionary.ts';
import { checkUtf8 } from './text-column.ts';
import type { ByteSource } from './wire.ts';

/** Distinct attribute keys that one batch takes, over all its attribute columns. */
export const MAX_ATTRIBUTE_KEYS = 65_536;

/** The attribute keys of a batch, numbered. */
export class AttributeKeys {
  readonly #names: ByteDictionary;

  constructor(memory: BatchMemory) {
    this.#names = new ByteDictionary(memory, 64, 2048);
  }

  get length(): number {
    return this.#names.length;
  }

  /**
   * The number of a key. `guess` is tried first: records of one kind have the same keys in the same order, and
   * a comparison is cheaper than a hash. @throws MalformedWire, BatchFull
   */
  numberOf(source: ByteSource, start: number, length: number, guess: number): number {
    const names = this.#names;
    const known = names.length;
    if (guess < known && names.equals(guess, source, start, length)) return guess;
    const key = names.intern(source, start, length);
    if (key === known) {
      checkUtf8(source.bytes, start, length);
      if (key === MAX_ATTRIBUTE_KEYS) throw new BatchFull('too many keys');
    }
    return key;
  }

  truncate(length: number): void {
    this.#names.truncate(length);
  }

  data(): ColumnData {
    return this.#names.data();
  }

  byteLength(): number {
    return this.#names.byteLength();
  }
}

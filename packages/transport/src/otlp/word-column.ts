import type { ColumnData } from '@openwit/ports';
import type { BatchMemory } from './batch-memory.ts';
import { Int32Column } from './fixed-columns.ts';

/** An enum: per row the index of one of a few fixed words. */
export class WordColumn extends Int32Column {
  readonly #words: ColumnData;

  constructor(memory: BatchMemory, capacity: number, words: readonly string[]) {
    super(memory, capacity);
    this.#words = wordsData(memory, words);
  }

  override data(length: number): ColumnData {
    return { length, indices: this.values, dictionary: this.#words };
  }
}

function wordsData(memory: BatchMemory, words: readonly string[]): ColumnData {
  const text = new TextEncoder().encode(words.join(''));
  const values = new Uint8Array(memory.allocate(text.length));
  values.set(text);
  const offsets = new Int32Array(memory.allocate((words.length + 1) * 4));
  words.forEach((word, i) => {
    offsets[i + 1] = offsets[i]! + word.length;
  });
  return { length: words.length, offsets, values };
}

import { xxh64 } from '../parquet/bloom-filter.ts';
import type { FixedValues, PlainValues, TextValues } from './leaf-values.ts';

const LEAST_SLOTS = 1024;
/** More values than this are not remembered. */
const MOST_VALUES = 64 * 1024;
const MOST_BYTES = 8 * 1024 * 1024;
const NONE = -1;

/** The different values of a column, numbered in the order in which they came. */
export abstract class ValueDictionary {
  length = 0;
  /** Of a slot the value that is there, or NONE: two thirds at the most are taken. */
  protected slots: Int32Array = new Int32Array(LEAST_SLOTS).fill(NONE);
  #hashes = new Int32Array(LEAST_SLOTS);
  readonly #idsOf = new Map<PlainValues, Int32Array>();
  readonly #bloomHashes: bigint[] = [];

  /** Puts the numbers of some of the values, which are of this dictionary's kind, into `ids`. */
  abstract intern(values: PlainValues, from: number, to: number, ids: Int32Array, start: number): void;

  /** All, in their order. Valid until the next value is added. */
  abstract values(): PlainValues;

  /** As Parquet's PLAIN has it, a text without its length. Valid until the next value is added. */
  abstract bytesOf(id: number): Uint8Array;

  protected abstract get heldBytes(): number;

  /** The numbers of all values of a page's dictionary. */
  idsOf(values: PlainValues): Int32Array {
    let ids = this.#idsOf.get(values);
    if (ids === undefined) {
      ids = new Int32Array(values.length);
      this.intern(values, 0, values.length, ids, 0);
      this.#idsOf.set(values, ids);
    }
    return ids;
  }

  /** The dictionaries of pages may lie in memory that is used anew. */
  forgetPages(): void {
    this.#idsOf.clear();
  }

  get isLarge(): boolean {
    return this.length > MOST_VALUES || this.heldBytes > MOST_BYTES;
  }

  bloomHash(id: number): bigint {
    return (this.#bloomHashes[id] ??= xxh64(this.bytesOf(id)));
  }

  protected hashOf(id: number): number {
    return this.#hashes[id]!;
  }

  /** @returns its number */
  protected added(slot: number, hash: number): number {
    const id = this.length++;
    if (id === this.#hashes.length) this.#hashes = grown(this.#hashes);
    this.#hashes[id] = hash;
    this.slots[slot] = id;
    if (3 * this.length > 2 * this.slots.length) this.#spread();
    return id;
  }

  #spread(): void {
    this.slots = new Int32Array(2 * this.slots.length).fill(NONE);
    const mask = this.slots.length - 1;
    for (let id = 0; id < this.length; id++) {
      let slot = this.#hashes[id]! & mask;
      while (this.slots[slot] !== NONE) slot = (slot + 1) & mask;
      this.slots[slot] = id;
    }
  }
}

/** Of texts. */
export class TextDictionary extends ValueDictionary {
  #bytes = new Uint8Array(16 * LEAST_SLOTS);
  /** Where text `i` begins, and behind the last one. */
  #offsets: Int32Array = new Int32Array(LEAST_SLOTS);

  override intern(values: PlainValues, from: number, to: number, ids: Int32Array, start: number): void {
    if (values.kind !== 'text') return;
    const { bytes, offsets } = values;
    for (let i = from; i < to; i++) ids[start + i - from] = this.#intern(bytes, offsets[i]!, offsets[i + 1]!);
  }

  override bytesOf(id: number): Uint8Array {
    return this.#bytes.subarray(this.#offsets[id], this.#offsets[id + 1]);
  }

  override values(): TextValues {
    return { kind: 'text', length: this.length, bytes: this.#bytes, offsets: this.#offsets };
  }

  protected override get heldBytes(): number {
    return this.#bytes.length;
  }

  #intern(bytes: Uint8Array, from: number, to: number): number {
    const hash = hashOfBytes(bytes, from, to);
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (let id = this.slots[slot]!; id !== NONE; id = this.slots[slot]!) {
      if (this.hashOf(id) === hash && this.#isAt(id, bytes, from, to)) return id;
      slot = (slot + 1) & mask;
    }
    this.#append(bytes, from, to);
    return this.added(slot, hash);
  }

  #isAt(id: number, bytes: Uint8Array, from: number, to: number): boolean {
    const start = this.#offsets[id]!;
    if (this.#offsets[id + 1]! - start !== to - from) return false;
    for (let k = 0; k < to - from; k++) if (this.#bytes[start + k] !== bytes[from + k]) return false;
    return true;
  }

  #append(bytes: Uint8Array, from: number, to: number): void {
    const start = this.#offsets[this.length]!;
    const end = start + to - from;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(2 * end);
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes.subarray(from, to), start);
    if (this.length + 1 === this.#offsets.length) this.#offsets = grown(this.#offsets);
    this.#offsets[this.length + 1] = end;
  }
}

/** Of numbers, which are the same when their bits are. */
export class FixedDictionary extends ValueDictionary {
  readonly #isWide: boolean;
  #words: Int32Array<ArrayBuffer> = new Int32Array(2 * LEAST_SLOTS);

  constructor(wordsAValue: number) {
    super();
    this.#isWide = wordsAValue === 2;
  }

  override intern(values: PlainValues, from: number, to: number, ids: Int32Array, start: number): void {
    if (values.kind !== 'fixed') return;
    const { words } = values;
    if (this.#isWide) {
      for (let i = from; i < to; i++) ids[start + i - from] = this.#internPair(words[2 * i]!, words[2 * i + 1]!);
    } else {
      for (let i = from; i < to; i++) ids[start + i - from] = this.#internWord(words[i]!);
    }
  }

  override bytesOf(id: number): Uint8Array {
    const bytes = this.#isWide ? 8 : 4;
    return new Uint8Array(this.#words.buffer, bytes * id, bytes);
  }

  override values(): FixedValues {
    return { kind: 'fixed', length: this.length, words: this.#words };
  }

  protected override get heldBytes(): number {
    return this.#words.byteLength;
  }

  #internWord(word: number): number {
    const hash = mixed(word);
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (let id = this.slots[slot]!; id !== NONE; id = this.slots[slot]!) {
      if (this.#words[id] === word) return id;
      slot = (slot + 1) & mask;
    }
    if (this.length === this.#words.length) this.#words = grown(this.#words);
    this.#words[this.length] = word;
    return this.added(slot, hash);
  }

  #internPair(low: number, high: number): number {
    const hash = mixed(Math.imul(low, HASH_PRIME) ^ high);
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (let id = this.slots[slot]!; id !== NONE; id = this.slots[slot]!) {
      if (this.#words[2 * id] === low && this.#words[2 * id + 1] === high) return id;
      slot = (slot + 1) & mask;
    }
    if (2 * this.length === this.#words.length) this.#words = grown(this.#words);
    this.#words[2 * this.length] = low;
    this.#words[2 * this.length + 1] = high;
    return this.added(slot, hash);
  }
}

const HASH_START = 0x811c9dc5 | 0;
const HASH_PRIME = 0x01000193;

function hashOfBytes(bytes: Uint8Array, from: number, to: number): number {
  let hash = HASH_START;
  for (let k = from; k < to; k++) hash = Math.imul(hash ^ bytes[k]!, HASH_PRIME);
  return mixed(hash);
}

/** So that the low bits depend on all others. */
function mixed(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  return once ^ (once >>> 15);
}

function grown(values: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * values.length);
  larger.set(values);
  return larger;
}

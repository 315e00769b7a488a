import { type ColumnData, systemRandom } from '@openwit/ports';
import type { BatchMemory } from './batch-memory.ts';
import { ColumnSet } from './column-set.ts';
import { TextColumn } from './text-column.ts';
import type { ByteSource } from './wire.ts';

const EMPTY = -1;

/** Unknown to senders, so that they cannot choose keys which all fall on one slot. */
const HASH_SEED = new DataView(systemRandom.bytes(4).slice().buffer).getInt32(0);

/** Numbers distinct byte strings 0, 1, 2, … in the order they are first seen. */
export class ByteDictionary {
  readonly #text: TextColumn;
  readonly #entries: ColumnSet;
  /** Open addressing with linear probing: entry numbers at the place of their hash, or after it. */
  #slots: Int32Array = new Int32Array(64).fill(EMPTY);

  constructor(memory: BatchMemory, expectedEntries: number, expectedBytes: number) {
    this.#text = new TextColumn(memory, expectedEntries, expectedBytes);
    this.#entries = new ColumnSet(expectedEntries, [this.#text]);
  }

  get length(): number {
    return this.#entries.length;
  }

  /** The number of a byte string; it is a new one when it equals the length before the call. */
  intern(source: ByteSource, start: number, length: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash(source.bytes, start, length) & mask;
    for (;;) {
      const entry = slots[slot]!;
      if (entry === EMPTY) break;
      if (this.equals(entry, source, start, length)) return entry;
      slot = (slot + 1) & mask;
    }
    return this.#add(slot, source, start, length);
  }

  #add(slot: number, source: ByteSource, start: number, length: number): number {
    const entry = this.#entries.nextRow();
    this.#text.writeBytes(source.bytes, start, length);
    this.#text.end(entry);
    this.#slots[slot] = entry;
    this.#entries.length = entry + 1;
    if (this.length * 2 > this.#slots.length) this.#rehash();
    return entry;
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(EMPTY);
    for (let entry = 0; entry < this.length; entry++) this.#slots[this.#slotOf(entry, EMPTY)] = entry;
  }

  equals(entry: number, source: ByteSource, start: number, length: number): boolean {
    const { view, offsets } = this.#text;
    const from = offsets[entry]!;
    if (offsets[entry + 1]! - from !== length) return false;
    return equalBytes(view, from, source.view, start, length);
  }

  /** Where the search for an entry comes to a slot that holds `wanted`. */
  #slotOf(entry: number, wanted: number): number {
    const mask = this.#slots.length - 1;
    const { bytes, offsets } = this.#text;
    let slot = hash(bytes, offsets[entry]!, offsets[entry + 1]! - offsets[entry]!) & mask;
    while (this.#slots[slot] !== wanted) slot = (slot + 1) & mask;
    return slot;
  }

  /** Last in, first out: then no entry that stays was ever moved on by one that goes. */
  truncate(length: number): void {
    for (let entry = this.length - 1; entry >= length; entry--) this.#slots[this.#slotOf(entry, entry)] = EMPTY;
    this.#entries.truncate(length);
  }

  data(): ColumnData {
    return this.#text.data(this.length);
  }

  byteLength(): number {
    return this.#entries.byteLength();
  }
}

/** Four bytes at a time: every key of every record is compared with the one that is expected. */
function equalBytes(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
  let i = 0;
  for (; i + 4 <= length; i += 4) if (a.getInt32(aStart + i) !== b.getInt32(bStart + i)) return false;
  for (; i < length; i++) if (a.getUint8(aStart + i) !== b.getUint8(bStart + i)) return false;
  return true;
}

/** FNV-1a, with a last mix because only the low bits choose the slot. */
function hash(source: Uint8Array, start: number, length: number): number {
  let value = HASH_SEED;
  for (let i = start; i < start + length; i++) value = Math.imul(value ^ source[i]!, 0x01000193);
  return value ^ (value >>> 15);
}

import type { ColumnData } from '@openwit/ports';
import { KeyValue, VALUE_TYPE } from './any-value.ts';
import type { BatchContext } from './batch-context.ts';
import type { BatchMemory } from './batch-memory.ts';
import { type Column, ColumnSet } from './column-set.ts';
import type { ByteRange } from './fields.ts';
import { ByteColumn, Int32Column, Int64Column } from './fixed-columns.ts';
import { TextColumn } from './text-column.ts';
import type { WireReader } from './wire.ts';

const BYTES_PER_TEXT = 12;

/**
 * The attributes of each row as entries of key, type, number and text (see ColumnData). The keys of a row are unique:
 * OTLP demands it, and of a key that a sender repeats in one record the first value is kept.
 */
export class AttributesColumn implements Column {
  offsets: Int32Array;
  readonly #context: BatchContext;
  readonly #memory: BatchMemory;
  readonly #keyOf: Int32Column;
  readonly #typeOf: ByteColumn;
  readonly #number: Int64Column;
  readonly #text: TextColumn;
  readonly #entries: ColumnSet;
  readonly #attribute: KeyValue = new KeyValue();
  /** The key that the last row had at each position. */
  #guesses: Int32Array = new Int32Array(16);
  #position = 0;
  /** Per key, the last row (as its stamp) that had it. */
  #seenIn: Int32Array = new Int32Array(64);
  #stamp = 1;

  constructor(context: BatchContext, capacity: number, expectedPerRow: number) {
    this.#context = context;
    this.#memory = context.memory;
    const entries = Math.max(16, capacity * expectedPerRow);
    this.offsets = new Int32Array(this.#memory.allocate((capacity + 1) * 4));
    this.#keyOf = new Int32Column(this.#memory, entries);
    this.#typeOf = new ByteColumn(this.#memory, entries);
    this.#number = new Int64Column(this.#memory, entries, 'int64');
    this.#text = new TextColumn(this.#memory, entries, entries * BYTES_PER_TEXT);
    this.#entries = new ColumnSet(entries, [this.#keyOf, this.#typeOf, this.#number, this.#text]);
  }

  /** Reads one length-delimited KeyValue into the row that is being written. @throws MalformedWire, BatchFull */
  read(reader: WireReader): void {
    const attribute = this.#attribute;
    attribute.read(reader);
    const key = this.#numberOfKey(reader, attribute.key);
    if (key >= this.#seenIn.length) this.#seenIn = grown(this.#seenIn, key);
    if (this.#seenIn[key] === this.#stamp) return;
    this.#seenIn[key] = this.#stamp;
    this.#add(reader, key);
  }

  #numberOfKey(reader: WireReader, { at, length }: ByteRange): number {
    const position = this.#position++;
    if (position >= this.#guesses.length) this.#guesses = grown(this.#guesses, position);
    const guess = this.#guesses[position]!;
    const key = this.#context.keys.numberOf(reader, at, length, guess);
    if (key !== guess) this.#guesses[position] = key;
    return key;
  }

  #add(reader: WireReader, key: number): void {
    const { value } = this.#attribute;
    const entry = this.#entries.nextRow();
    this.#keyOf.values[entry] = key;
    this.#typeOf.values[entry] = value.type;
    this.#number.set(entry, value.lo, value.hi);
    if (value.type === VALUE_TYPE.string) this.#text.write(reader, value.bytes);
    else if (value.type === VALUE_TYPE.bytes || value.type === VALUE_TYPE.array || value.type === VALUE_TYPE.map)
      this.#context.valueText.write(this.#text, value);
    this.#text.end(entry);
    this.#entries.length = entry + 1;
  }

  /** Ends a row with the attributes that were read since the one before it. */
  end(row: number): void {
    this.offsets[row + 1] = this.#entries.length;
    this.#startRow();
  }

  #startRow(): void {
    this.#position = 0;
    this.#stamp++;
  }

  /** The text of the row's value of a key, copied to the row of another column; nothing when it has no such key. */
  copyText(row: number, key: number, target: TextColumn): void {
    const { offsets, bytes } = this.#text;
    for (let entry = this.offsets[row]!; entry < this.offsets[row + 1]!; entry++) {
      if (this.#keyOf.values[entry] === key) {
        target.writeBytes(bytes, offsets[entry]!, offsets[entry + 1]! - offsets[entry]!);
      }
    }
  }

  grow(capacity: number): void {
    this.offsets = new Int32Array(this.#memory.grow(this.offsets.buffer, (capacity + 1) * 4));
  }

  truncate(rows: number): void {
    this.#entries.truncate(this.offsets[rows]!);
    this.#startRow();
    // A batch that is used again and again would count its stamps beyond 32 bits.
    if (rows === 0) {
      this.#seenIn.fill(0);
      this.#stamp = 1;
    }
  }

  data(length: number): ColumnData {
    const entries = this.#entries.length;
    const keys = { length: entries, indices: this.#keyOf.values, dictionary: this.#context.keys.data() };
    const parts = [this.#typeOf, this.#number, this.#text].map((part) => part.data(entries));
    return { length, offsets: this.offsets, children: [keys, ...parts] };
  }

  byteLength(rows: number): number {
    return (rows + 1) * 4 + this.#entries.byteLength();
  }
}

function grown(old: Int32Array, index: number): Int32Array {
  const larger = new Int32Array(Math.max(old.length * 2, index + 1));
  larger.set(old);
  return larger;
}

import duckdb from '@duckdb/node-bindings';

/** The longest string that lies within its 16-byte entry (`duckdb_string_t` in duckdb.h). */
export const INLINE_BYTES = 12;
export const ENTRY_BYTES = 16;

/**
 * Fills a VARCHAR vector. The bytes of a chunk's long strings go into the vector's heap in one call, and the entries
 * that point into it in another; see "Buffers between DuckDB and JavaScript" in the design.
 */
export class StringWriter {
  /** False when the layout could not be proved: then each string is a call of the C API's own. */
  readonly #byLayout: boolean;
  #heap = new Uint8Array(64 * 1024);
  #heapBytes = 0;
  #starts = new Int32Array(2048);
  #lengths = new Int32Array(2048);
  /** The string that each repeats, or -1. */
  #repeated = new Int32Array(2048);
  #count = 0;
  #entryWords: Uint32Array<ArrayBuffer> = new Uint32Array(4 * 2048);

  constructor(byLayout: boolean) {
    this.#byLayout = byLayout;
  }

  /** Begins a vector of about `count` strings. */
  begin(count: number): void {
    this.#heapBytes = 0;
    this.#count = 0;
    if (this.#starts.length >= count) return;
    this.#starts = new Int32Array(count);
    this.#lengths = new Int32Array(count);
    this.#repeated = new Int32Array(count);
  }

  /** Appends `bytes[start, end)` as the next string. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#next(this.#heapBytes, length);
    const to = this.#reserve(length);
    // Short copies by a loop: `set(subarray)` costs five times as much.
    if (length <= 64) for (let i = 0; i < length; i++) this.#heap[to + i] = bytes[start + i]!;
    else this.#heap.set(bytes.subarray(start, end), to);
  }

  /** Appends the strings `from` to `from + count` of a column of text. */
  addRange(bytes: Uint8Array, offsets: Int32Array, from: number, count: number): void {
    const first = offsets[from]!;
    const length = offsets[from + count]! - first;
    const to = this.#reserve(length);
    this.#heap.set(bytes.subarray(first, first + length), to);
    for (let i = from; i < from + count; i++) this.#next(to + offsets[i]! - first, offsets[i + 1]! - offsets[i]!);
  }

  /** Appends text of ASCII characters only: a number, a word. */
  addAscii(text: string): void {
    this.#next(this.#heapBytes, text.length);
    const to = this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#heap[to + i] = text.charCodeAt(i);
  }

  /** Appends the string that was appended as number `index` once more, without its bytes. */
  repeat(index: number): void {
    this.#next(this.#starts[index]!, this.#lengths[index]!, index);
  }

  get count(): number {
    return this.#count;
  }

  flush(vector: duckdb.Vector): void {
    const count = this.#count;
    if (count === 0) return;
    if (!this.#byLayout) {
      for (let i = 0; i < count; i++) {
        const start = this.#starts[i]!;
        duckdb.vector_assign_string_element_len(vector, i, this.#heap.subarray(start, start + this.#lengths[i]!));
      }
      return;
    }
    const entries = this.#entries(() => {
      // At least 13 bytes, so that the bytes leave the entry for the heap.
      const used = this.#heap.subarray(0, Math.max(this.#heapBytes, INLINE_BYTES + 1));
      duckdb.vector_assign_string_element_len(vector, 0, used);
      return pointerAt(duckdb.vector_get_data(vector, ENTRY_BYTES), 8);
    });
    duckdb.copy_data_to_vector(vector, 0, entries, 0, ENTRY_BYTES * count);
  }

  /** `copyHeap` is called when a string is too long for its entry: it brings the heap into the vector, and says where. */
  #entries(copyHeap: () => number): ArrayBuffer {
    const heap = this.#heap;
    const count = this.#count;
    if (this.#entryWords.length < 4 * count) this.#entryWords = new Uint32Array(4 * count);
    const words = this.#entryWords;
    const bytes = new Uint8Array(words.buffer);
    const repeatedBy = this.#repeated;
    let base = -1;
    for (let i = 0; i < count; i++) {
      const at = 4 * i;
      const repeated = 4 * repeatedBy[i]!;
      if (repeated >= 0) {
        words[at] = words[repeated]!;
        words[at + 1] = words[repeated + 1]!;
        words[at + 2] = words[repeated + 2]!;
        words[at + 3] = words[repeated + 3]!;
        continue;
      }
      const start = this.#starts[i]!;
      const length = this.#lengths[i]!;
      words.fill(0, at, at + 4);
      words[at] = length;
      if (length <= INLINE_BYTES) {
        for (let k = 0; k < length; k++) bytes[ENTRY_BYTES * i + 4 + k] = heap[start + k]!;
        continue;
      }
      if (base < 0) base = copyHeap();
      const prefix = heap[start]! | (heap[start + 1]! << 8) | (heap[start + 2]! << 16) | (heap[start + 3]! << 24);
      const pointer = base + start;
      words[at + 1] = prefix;
      words[at + 2] = pointer % 2 ** 32;
      words[at + 3] = pointer / 2 ** 32;
    }
    return words.buffer;
  }

  #next(start: number, length: number, repeated = -1): void {
    if (this.#count === this.#starts.length) {
      this.#starts = grown(this.#starts);
      this.#lengths = grown(this.#lengths);
      this.#repeated = grown(this.#repeated);
    }
    this.#starts[this.#count] = start;
    this.#repeated[this.#count] = repeated;
    this.#lengths[this.#count++] = length;
  }

  #reserve(length: number): number {
    const to = this.#heapBytes;
    this.#heapBytes += length;
    if (this.#heapBytes > this.#heap.length) {
      const larger = new Uint8Array(Math.max(this.#heapBytes, 2 * this.#heap.length));
      larger.set(this.#heap.subarray(0, to));
      this.#heap = larger;
    }
    return to;
  }
}

/** Addresses of user space have 47 bits: a number holds them. */
export function pointerAt(bytes: Uint8Array, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * array.length);
  larger.set(array);
  return larger;
}

import { copyBytes, viewOf } from '../parquet/copy-bytes.ts';
import { ENCODING } from '../parquet/metadata-fields.ts';
import { encodeDeltas32, encodeDeltas64 } from './delta-encoder.ts';
import type { LeafKind } from './leaf-schema.ts';
import type { FixedValues, LeafValues, PlainValues, TextValues } from './leaf-values.ts';
import { copyWords, enlarged, gatherWords, mappedRuns, type Runs } from './row-runs.ts';
import { UnknownForm } from './unknown-form.ts';

const LEAST = 1024;
const MOST_TEXT_BYTES = 2 ** 30;
/** A copy of this many bytes costs less by a loop than by a call. */
const MOST_LOOPED = 128;

/** Values of a leaf, one by one. */
export interface ValueStore {
  readonly length: number;
  append(values: PlainValues, from: number, to: number): void;
  appendRuns(values: PlainValues, runs: Runs): void;
  /** The values at some of the indices. */
  gather(values: PlainValues, indices: Int32Array, from: number, to: number): void;
  /** Valid until the next change. */
  values(): PlainValues;
  encoding(kind: LeafKind): number;
  /** Some of the values, encoded: views that are valid until the next change. */
  encoded(kind: LeafKind, from: number, to: number): Uint8Array[];
  /** Bytes of all values. */
  readonly bytes: number;
  reset(): void;
}

/** Puts some of a page's values into a store, each of them. */
export function appendValues(store: ValueStore, values: LeafValues, from: number, to: number): void {
  if (values.kind !== 'indexed') store.append(values, from, to);
  else if (values.indices !== undefined) store.gather(values.dictionary, values.indices, from, to);
  else store.gather(values.dictionary, new Int32Array(to - from).fill(values.index), 0, to - from);
}

export class FixedStore implements ValueStore {
  readonly #wordsAValue: number;
  #words: Int32Array = new Int32Array(LEAST);
  #at = 0;

  constructor(wordsAValue: number) {
    this.#wordsAValue = wordsAValue;
  }

  get length(): number {
    return this.#at / this.#wordsAValue;
  }

  append(values: PlainValues, from: number, to: number): void {
    const words = (values as FixedValues).words.subarray(from * this.#wordsAValue, to * this.#wordsAValue);
    this.#reserve(words.length);
    this.#words.set(words, this.#at);
    this.#at += words.length;
  }

  appendRuns(values: PlainValues, runs: Runs): void {
    this.#reserve(runs.length * this.#wordsAValue);
    this.#at = copyWordRuns((values as FixedValues).words, runs, this.#wordsAValue, this.#words, this.#at);
  }

  gather(values: PlainValues, indices: Int32Array, from: number, to: number): void {
    this.#reserve((to - from) * this.#wordsAValue);
    const { words } = values as FixedValues;
    if (this.#wordsAValue === 1) gatherWords(words, indices, from, to, this.#words, this.#at);
    else gatherPairs(words, indices, from, to, this.#words, this.#at);
    this.#at += (to - from) * this.#wordsAValue;
  }

  values(): FixedValues {
    return { kind: 'fixed', length: this.length, words: this.#words.subarray(0, this.#at) };
  }

  encoding(kind: LeafKind): number {
    if (kind === 'double') return ENCODING.byteStreamSplit;
    return kind === 'boolean' ? ENCODING.plain : ENCODING.deltaBinaryPacked;
  }

  get bytes(): number {
    return 4 * this.#at;
  }

  encoded(kind: LeafKind, from: number, to: number): Uint8Array[] {
    const words = this.#words.subarray(from * this.#wordsAValue, to * this.#wordsAValue);
    switch (kind) {
      case 'double':
        return [split(words)];
      case 'boolean':
        return [bits(words)];
      case 'int32':
        return [encodeDeltas32(words)];
      default:
        return [encodeDeltas64(words)];
    }
  }

  reset(): void {
    this.#at = 0;
  }

  #reserve(words: number): void {
    if (this.#at + words > this.#words.length) this.#words = enlarged(this.#words, this.#at, this.#at + words);
  }
}

function copyWordRuns(
  source: Int32Array,
  { from, to }: Runs,
  wordsAValue: number,
  target: Int32Array,
  start: number,
): number {
  let at = start;
  for (let r = 0; r < from.length; r++) {
    const length = (to[r]! - from[r]!) * wordsAValue;
    copyWords(source, from[r]! * wordsAValue, length, target, at);
    at += length;
  }
  return at;
}

function gatherPairs(
  source: Int32Array,
  indices: Int32Array,
  from: number,
  to: number,
  target: Int32Array,
  start: number,
): void {
  let at = start;
  for (let i = from; i < to; i++) {
    const index = 2 * indices[i]!;
    target[at++] = source[index]!;
    target[at++] = source[index + 1]!;
  }
}

export class TextStore implements ValueStore {
  readonly #mostBytes: number;
  #bytes = new Uint8Array(LEAST);
  #view: DataView = viewOf(this.#bytes);
  #offsets: Int32Array = new Int32Array(LEAST);
  #lengths: Int32Array = new Int32Array(LEAST);
  #count = 0;

  /** @param mostBytes with more it throws UnknownForm; places are numbers of 32 bits */
  constructor(mostBytes: number = MOST_TEXT_BYTES) {
    this.#mostBytes = Math.min(mostBytes, MOST_TEXT_BYTES);
  }

  get length(): number {
    return this.#count;
  }

  append(values: PlainValues, from: number, to: number): void {
    const { bytes, offsets } = values as TextValues;
    this.#reserve(to - from, offsets[to]! - offsets[from]!);
    this.#copy(bytes, viewOf(bytes), offsets, from, to);
  }

  appendRuns(values: PlainValues, runs: Runs): void {
    const { bytes, offsets } = values as TextValues;
    const { from, to } = runs;
    this.#reserve(runs.length, mappedRuns(runs, offsets).length);
    const view = viewOf(bytes);
    for (let r = 0; r < from.length; r++) this.#copy(bytes, view, offsets, from[r]!, to[r]!);
  }

  gather(values: PlainValues, indices: Int32Array, from: number, to: number): void {
    const { bytes, offsets } = values as TextValues;
    this.#reserve(to - from, lengthOfTexts(offsets, indices, from, to));
    const view = viewOf(bytes);
    for (let i = from; i < to; i++) this.#copy(bytes, view, offsets, indices[i]!, indices[i]! + 1);
  }

  values(): TextValues {
    return { kind: 'text', length: this.#count, bytes: this.#bytes, offsets: this.#offsets };
  }

  encoding(): number {
    return ENCODING.deltaLengthByteArray;
  }

  get bytes(): number {
    return this.#offsets[this.#count]!;
  }

  encoded(_kind: LeafKind, from: number, to: number): Uint8Array[] {
    if (this.#lengths.length < this.#count) this.#lengths = new Int32Array(this.#offsets.length);
    subtractOffsets(this.#offsets, from, to, this.#lengths);
    return [
      encodeDeltas32(this.#lengths.subarray(0, to - from)),
      this.#bytes.subarray(this.#offsets[from], this.#offsets[to]),
    ];
  }

  reset(): void {
    this.#count = 0;
  }

  /** There must be room. */
  #copy(bytes: Uint8Array, view: DataView, offsets: Int32Array, from: number, to: number): void {
    const start = offsets[from]!;
    const length = offsets[to]! - start;
    const at = this.#offsets[this.#count]!;
    if (length > MOST_LOOPED) this.#bytes.set(bytes.subarray(start, start + length), at);
    else copyBytes(view, start, length, this.#view, at);
    const shift = at - start;
    for (let i = from; i < to; i++) this.#offsets[++this.#count] = offsets[i + 1]! + shift;
  }

  #reserve(count: number, bytes: number): void {
    if (this.#count + count >= this.#offsets.length) {
      this.#offsets = enlarged(this.#offsets, this.#count + 1, this.#count + count + 1);
    }
    const at = this.#offsets[this.#count]!;
    if (at + bytes <= this.#bytes.length) return;
    if (at + bytes > this.#mostBytes) throw new UnknownForm('more text than the memory takes');
    const grown = new Uint8Array(Math.max(at + bytes, Math.ceil(1.5 * this.#bytes.length)));
    grown.set(this.#bytes.subarray(0, at));
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

/** Bytes of the texts at some of the indices. */
export function lengthOfTexts(offsets: Int32Array, indices: Int32Array, from: number, to: number): number {
  let length = 0;
  for (let i = from; i < to; i++) length += offsets[indices[i]! + 1]! - offsets[indices[i]!]!;
  return length;
}

function subtractOffsets(offsets: Int32Array, from: number, to: number, lengths: Int32Array): void {
  for (let i = from; i < to; i++) lengths[i - from] = offsets[i + 1]! - offsets[i]!;
}

/** `BYTE_STREAM_SPLIT`: the first bytes of all values, then the second ones, and so on. */
function split(words: Int32Array): Uint8Array {
  const source = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const count = words.length / 2;
  const bytes = new Uint8Array(source.length);
  for (let stream = 0; stream < 8; stream++) {
    const to = stream * count;
    for (let i = 0; i < count; i++) bytes[to + i] = source[8 * i + stream]!;
  }
  return bytes;
}

/** A bit a boolean, the first in the lowest. */
export function bits(words: Int32Array): Uint8Array {
  const bytes = new Uint8Array((words.length + 7) >> 3);
  for (let i = 0; i < words.length; i++) bytes[i >> 3]! |= words[i]! << (i & 7);
  return bytes;
}

import type { ColumnData, ColumnValues } from '@openwit/ports';
import type { Scratch } from './scratch.ts';

/**
 * The column whose value `i` is value `indices[i]` of the given one: how a value per group becomes a value per row, and
 * how rows are put in order. Text stays where it is, as the dictionary of the result: a group's value may be long, and its
 * rows many.
 */
export function gather(column: ColumnData, indices: Int32Array, memory: Scratch): ColumnData {
  const length = indices.length;
  const validity = column.validity === undefined ? {} : { validity: gatherBits(column.validity, indices, memory) };
  if (column.dictionary !== undefined) {
    const own = gatherValues(column.indices!, indices, memory) as Int32Array;
    return { length, ...validity, indices: own, dictionary: column.dictionary };
  }
  if (column.offsets === undefined) {
    if (column.values !== undefined)
      return { length, ...validity, values: gatherValues(column.values, indices, memory) };
    return { length, ...validity, children: column.children!.map((child) => gather(child, indices, memory)) };
  }
  if (column.children === undefined) return { length, ...validity, indices, dictionary: column };
  const offsets = gatherOffsets(column.offsets, indices, memory);
  const entries = gatherRanges(column.offsets, indices, memory.int32(offsets[length]!));
  return { length, ...validity, offsets, children: column.children.map((child) => gather(child, entries, memory)) };
}

function gatherBits(bits: Uint8Array, indices: Int32Array, memory: Scratch): Uint8Array {
  const target = memory.bytes((indices.length + 7) >> 3);
  for (let i = 0; i < indices.length; i++) {
    const from = indices[i]!;
    target[i >> 3]! |= ((bits[from >> 3]! >> (from & 7)) & 1) << (i & 7);
  }
  return target;
}

type ValuesOver = new (buffer: ArrayBuffer, byteOffset: number, length: number) => ColumnValues;

/** Value `i` of the result is value `indices[i]`. */
export function gatherValues(values: ColumnValues, indices: Int32Array, memory: Scratch): ColumnValues {
  const target = memory.bytes(values.BYTES_PER_ELEMENT * indices.length);
  if (values.BYTES_PER_ELEMENT === 1) gatherBytes(values as Uint8Array, indices, target);
  else if (values.BYTES_PER_ELEMENT === 4) gatherWords(words(values), indices, words(target));
  else gatherPairs(words(values), indices, words(target));
  return new (values.constructor as ValuesOver)(target.buffer, target.byteOffset, indices.length);
}

function words({ buffer, byteOffset, byteLength }: ColumnValues): Int32Array {
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}

function gatherBytes(source: Uint8Array, indices: Int32Array, target: Uint8Array): void {
  for (let i = 0; i < indices.length; i++) target[i] = source[indices[i]!]!;
}

function gatherWords(source: Int32Array, indices: Int32Array, target: Int32Array): void {
  for (let i = 0; i < indices.length; i++) target[i] = source[indices[i]!]!;
}

/** 64 bits by halves: a BigInt a value would be 8 MB of garbage a batch, and a NaN keeps its bits. */
function gatherPairs(source: Int32Array, indices: Int32Array, target: Int32Array): void {
  for (let i = 0; i < indices.length; i++) {
    const from = 2 * indices[i]!;
    target[2 * i] = source[from]!;
    target[2 * i + 1] = source[from + 1]!;
  }
}

function gatherOffsets(offsets: Int32Array, indices: Int32Array, memory: Scratch): Int32Array {
  const target = memory.int32(indices.length + 1);
  let at = 0;
  for (let i = 0; i < indices.length; i++) {
    const from = indices[i]!;
    target[i + 1] = at += offsets[from + 1]! - offsets[from]!;
  }
  return target;
}

function gatherRanges(offsets: Int32Array, indices: Int32Array, target: Int32Array): Int32Array {
  let at = 0;
  for (let i = 0; i < indices.length; i++) {
    const from = indices[i]!;
    for (let entry = offsets[from]!; entry < offsets[from + 1]!; entry++) target[at++] = entry;
  }
  return target;
}

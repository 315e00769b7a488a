import {
  ATTRIBUTE_TYPES,
  type AttributeColumn,
  type AttributeEntries,
  type AttributeType,
  attributeEntries,
  type ColumnData,
} from '@openwit/ports';
import { textsOf } from './attribute-census.ts';
import { gather } from './gather.ts';
import { Scratch } from './scratch.ts';
import { TextColumnWriter } from './text-column-writer.ts';

/** An attributes column of a batch in memory, as a file stores it. */
export interface StoredAttributes {
  /** The keys that are not columns, with their values as text. */
  readonly map: ColumnData;
  /** The keys of that map whose value is not a string, with the name of its type. */
  readonly types: ColumnData;
  /** One a wanted column, in the order asked for. Text is not copied: it has all texts of the source as its dictionary. */
  readonly columns: readonly ColumnData[];
}

/** Parts the entries of an attributes column into columns and a map. */
export function storeAttributes(
  column: ColumnData,
  wanted: readonly AttributeColumn[],
  memory: Scratch,
): StoredAttributes {
  const entries = attributeEntries(column);
  const { kept, placed } = partEntries(column, entries, wanted, memory);
  return {
    map: textMap(entries, kept, memory),
    types: typesMap(entries, kept, memory),
    columns: wanted.map(({ type }, c) => COLUMN_WRITERS[type](entries, placed[c]!, memory)),
  };
}

/** Entries of the source by value of the column: value `i` has those from `offsets[i]` to `offsets[i + 1]`. */
interface EntryList {
  readonly length: number;
  readonly offsets: Int32Array;
  readonly entries: Int32Array;
}

const NONE = -1;
const STRING = typeIndex('string');

interface Parts {
  readonly kept: EntryList;
  /** For each wanted column the entry of each value, or NONE. */
  readonly placed: readonly Int32Array[];
}

function partEntries(
  column: ColumnData,
  { keyOf, keys }: AttributeEntries,
  wanted: readonly AttributeColumn[],
  memory: Scratch,
): Parts {
  const { length } = column;
  const source = column.offsets!;
  const columnOf = new Map(wanted.map(({ key }, c) => [key, c]));
  const placeOf = Int32Array.from(textsOf(keys), (key) => columnOf.get(key) ?? NONE);
  const placed = wanted.map(() => memory.int32(length).fill(NONE));
  const offsets = memory.int32(length + 1);
  const entries = memory.int32(source[length]! - source[0]!);
  placeEntries(source, keyOf, placeOf, placed, offsets, entries);
  return { kept: { length, offsets, entries: entries.subarray(0, offsets[length]) }, placed };
}

/** An entry whose key has a place goes there, the others to `kept` at `offsets`. */
function placeEntries(
  source: Int32Array,
  keyOf: Int32Array,
  placeOf: Int32Array,
  placed: readonly Int32Array[],
  offsets: Int32Array,
  kept: Int32Array,
): void {
  let count = 0;
  for (let i = 0; i + 1 < offsets.length; i++) {
    for (let entry = source[i]!; entry < source[i + 1]!; entry++) {
      const place = placeOf[keyOf[entry]!]!;
      if (place === NONE) kept[count++] = entry;
      else placed[place]![i] = entry;
    }
    offsets[i + 1] = count;
  }
}

function textMap(source: AttributeEntries, { length, offsets, entries }: EntryList, memory: Scratch): ColumnData {
  const writer = new TextColumnWriter(entries.length, textBytes(source, entries), memory);
  for (let i = 0; i < entries.length; i++) writeValue(writer, source, entries[i]!);
  return {
    length,
    offsets,
    children: [gather(source.keys, pick(source.keyOf, entries, memory), memory), writer.finish()],
  };
}

function typesMap(source: AttributeEntries, kept: EntryList, memory: Scratch): ColumnData {
  const offsets = memory.int32(kept.length + 1);
  const entries = memory.int32(kept.entries.length);
  leaveStrings(kept.offsets, kept.entries, source.typeOf, offsets, entries);
  const typed = entries.subarray(0, offsets[kept.length]);
  const keys = gather(source.keys, pick(source.keyOf, typed, memory), memory);
  const words = gather(TYPE_WORDS, pick(source.typeOf, typed, memory), memory);
  return { length: kept.length, offsets, children: [keys, words] };
}

/** Entries that are not strings go to `typed` at `offsets`. */
function leaveStrings(
  source: Int32Array,
  entries: Int32Array,
  typeOf: Uint8Array,
  offsets: Int32Array,
  typed: Int32Array,
): void {
  let count = 0;
  for (let i = 0; i + 1 < offsets.length; i++) {
    for (let k = source[i]!; k < source[i + 1]!; k++) {
      const entry = entries[k]!;
      if (typeOf[entry] !== STRING) typed[count++] = entry;
    }
    offsets[i + 1] = count;
  }
}

function pick(values: Int32Array | Uint8Array, entries: Int32Array, memory: Scratch): Int32Array {
  const picked = memory.int32(entries.length);
  for (let i = 0; i < entries.length; i++) picked[i] = values[entries[i]!]!;
  return picked;
}

const LONGEST_NUMBER = 24;

function textBytes({ textOffsets }: AttributeEntries, entries: Int32Array): number {
  let bytes = LONGEST_NUMBER * entries.length;
  for (let i = 0; i < entries.length; i++) bytes += textOffsets[entries[i]! + 1]! - textOffsets[entries[i]!]!;
  return bytes;
}

function writeValue(writer: TextColumnWriter, source: AttributeEntries, entry: number): void {
  switch (ATTRIBUTE_TYPES[source.typeOf[entry]!]) {
    case 'int':
      writer.int(source.ints[entry]!);
      break;
    case 'double':
      writer.double(source.doubles[entry]!);
      break;
    case 'bool':
      writer.bool(source.ints[entry] === 1n);
      break;
    case 'empty':
      writer.none();
      break;
    default:
      writer.bytes(source.textBytes, source.textOffsets[entry]!, source.textOffsets[entry + 1]!);
      break;
  }
}

type ColumnWriter = (source: AttributeEntries, entries: Int32Array, memory: Scratch) => ColumnData;

const COLUMN_WRITERS: Record<AttributeColumn['type'], ColumnWriter> = {
  text(source, entries, memory) {
    const validity = presence(entries, memory);
    // Entry 0 stands for NULL: a reader of the indices may check all of them.
    if (validity.validity !== undefined) for (let i = 0; i < entries.length; i++) entries[i] = Math.max(0, entries[i]!);
    return { length: entries.length, ...validity, indices: entries, dictionary: source.text };
  },
  int64: (source, entries, memory) =>
    numbers(source, entries, memory, (at, offset, length) => new BigInt64Array(at, offset, length)),
  float64: (source, entries, memory) =>
    numbers(source, entries, memory, (at, offset, length) => new Float64Array(at, offset, length)),
  bool({ ints }, entries, memory) {
    const values = memory.bytes(entries.length);
    const source = new Uint32Array(ints.buffer, ints.byteOffset, 2 * ints.length);
    for (let i = 0; i < entries.length; i++) {
      if (entries[i] !== NONE) values[i] = source[2 * entries[i]!]!;
    }
    return { length: entries.length, values, ...presence(entries, memory) };
  },
};

/** Copies 64-bit values by halves: quicker than a BigInt each, and a NaN keeps its bits. */
function numbers(
  { ints }: AttributeEntries,
  entries: Int32Array,
  memory: Scratch,
  valuesOver: (buffer: ArrayBuffer, byteOffset: number, length: number) => BigInt64Array | Float64Array,
): ColumnData {
  const source = new Int32Array(ints.buffer, ints.byteOffset, 2 * ints.length);
  const target = memory.int32(2 * entries.length);
  gatherPresent(source, entries, target);
  const { length } = entries;
  return { length, values: valuesOver(target.buffer, target.byteOffset, length), ...presence(entries, memory) };
}

function gatherPresent(source: Int32Array, entries: Int32Array, target: Int32Array): void {
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (entry === NONE) continue;
    target[2 * i] = source[2 * entry]!;
    target[2 * i + 1] = source[2 * entry + 1]!;
  }
}

function presence(entries: Int32Array, memory: Scratch): { validity?: Uint8Array } {
  const validity = memory.bytes((entries.length + 7) >> 3);
  let present = 0;
  for (let i = 0; i < entries.length; i++) {
    if (entries[i] === NONE) continue;
    validity[i >> 3]! |= 1 << (i & 7);
    present++;
  }
  return present === entries.length ? {} : { validity };
}

function typeIndex(type: AttributeType): number {
  return ATTRIBUTE_TYPES.indexOf(type);
}

/** The names of the types as a text column. */
const TYPE_WORDS: ColumnData = (() => {
  const writer = new TextColumnWriter(ATTRIBUTE_TYPES.length, ATTRIBUTE_TYPES.join('').length, new Scratch());
  for (const type of ATTRIBUTE_TYPES) writer.ascii(type);
  return writer.finish();
})();

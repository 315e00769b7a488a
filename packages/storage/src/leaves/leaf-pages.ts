import { zstdDecompressSync } from 'node:zlib';
import { DATA, DICTIONARY, ENCODING, PAGE, PAGE_TYPE } from '../parquet/metadata-fields.ts';
import type { Scratch } from '../parquet/scratch.ts';
import { integer, readThrift, type ThriftStruct } from '../parquet/thrift.ts';
import { decodeRuns, singleRun } from './decoded-runs.ts';
import { decodeDeltas32, decodeDeltas64 } from './delta-decoder.ts';
import type { Leaf } from './leaf-schema.ts';
import type { FixedValues, LeafPage, LeafValues, PageLevels, PlainValues, TextValues } from './leaf-values.ts';
import { natural, structAt } from './required-fields.ts';
import { UnknownForm } from './unknown-form.ts';

/** Of `CompressionCodec` of parquet.thrift. */
export const CODECS = { none: 0, zstd: 6 } as const;

/** Rows of a file by their numbers, the first inclusive, the last exclusive. */
export interface RowSpan {
  readonly from: number;
  readonly to: number;
}

export interface LeafChunk {
  readonly leaf: Leaf;
  readonly codec: number;
  /** The chunk's pages. */
  readonly bytes: Uint8Array;
  /** The number of the chunk's first row in its file. */
  readonly firstRow: number;
  readonly rows: number;
}

/**
 * The pages that have some of the wanted rows, decoded; text stays where it is.
 * @param wanted in order, at least one
 * @throws UnknownForm
 */
export function leafPages(chunk: LeafChunk, wanted: readonly RowSpan[], memory: Scratch): LeafPage[] {
  const { leaf, bytes } = chunk;
  const pages: LeafPage[] = [];
  let dictionary: PlainValues | undefined;
  let { firstRow } = chunk;
  const lastRow = firstRow + chunk.rows;
  // What has repetition may end a row in the page after.
  const end = leaf.maxRepetition > 0 ? lastRow : Math.min(lastRow, wanted.at(-1)!.to);
  let next = 0;
  for (let at = 0; at < bytes.length && (firstRow < end || leaf.maxRepetition > 0); ) {
    const { struct: header, end: bodyAt } = readThrift(bytes, at);
    const length = natural(header, PAGE.compressedBytes);
    const stored = bytes.subarray(bodyAt, (at = bodyAt + length));
    if (stored.length !== length) throw new UnknownForm('it is cut');
    const body = () => (chunk.codec === CODECS.zstd ? inflated(stored, header) : stored);
    switch (integer(header, PAGE.type)) {
      case PAGE_TYPE.dictionary: {
        const count = natural(structAt(header, PAGE.dictionary), DICTIONARY.values);
        dictionary = plainValues(leaf, body(), 0, count, memory);
        break;
      }
      case PAGE_TYPE.data: {
        const levels = natural(structAt(header, PAGE.data), DATA.values);
        // Without repetition a level is a row.
        const isWanted = (endRow: number): boolean => {
          while (next < wanted.length && wanted[next]!.to <= firstRow) next++;
          return next < wanted.length && wanted[next]!.from < endRow;
        };
        if (leaf.maxRepetition === 0 && !isWanted(firstRow + levels)) {
          firstRow += levels;
          break;
        }
        const page = dataPage(leaf, header, body(), { firstRow, dictionary }, memory);
        if (isWanted(firstRow + page.rows)) pages.push(page);
        firstRow += page.rows;
        break;
      }
      default:
        throw new UnknownForm(`a page of type ${integer(header, PAGE.type)}`);
    }
  }
  if (firstRow < end || firstRow > lastRow)
    throw new UnknownForm('a chunk with fewer rows than its row group, or more');
  return pages;
}

function inflated(bytes: Uint8Array, header: ThriftStruct): Uint8Array {
  const length = natural(header, PAGE.uncompressedBytes);
  const inflated = zstdDecompressSync(bytes, { chunkSize: Math.max(64, length), maxOutputLength: Math.max(1, length) });
  if (inflated.length !== length) throw new UnknownForm('it has another length');
  return inflated;
}

const LENGTH_BYTES = 4;

function dataPage(
  leaf: Leaf,
  header: ThriftStruct,
  body: Uint8Array,
  { firstRow, dictionary }: { readonly firstRow: number; readonly dictionary: PlainValues | undefined },
  memory: Scratch,
): LeafPage {
  const data = structAt(header, PAGE.data);
  const count = natural(data, DATA.values);
  let at = 0;
  const levelsOf = (greatest: number, encoding: number | undefined) => {
    if (greatest === 0) return { one: 0, all: () => memory.int32(count) };
    if (encoding !== ENCODING.rle) throw new UnknownForm(`levels of encoding ${encoding}`);
    const start = at + LENGTH_BYTES;
    at = start + uint32(body, at);
    const runs = { width: 32 - Math.clz32(greatest), count };
    return { one: singleRun(body, start, runs), all: () => decoded(body, start, runs, memory) };
  };
  const repetition = levelsOf(leaf.maxRepetition, integer(data, DATA.repetitionEncoding));
  const definition = levelsOf(leaf.maxDefinition, integer(data, DATA.definitionEncoding));
  const encoding = natural(data, DATA.encoding);
  if (repetition.one === 0 && definition.one !== undefined) {
    const present = definition.one === leaf.maxDefinition ? count : 0;
    const values = pageValues(leaf, encoding, body, { at, count: present, dictionary }, memory);
    return { firstRow, rows: count, definition: definition.one, levels: undefined, values };
  }
  const isFlat = repetition.one === 0;
  const levels = rowLevels(leaf, isFlat ? undefined : repetition.all(), definition.all(), memory);
  const rows = levels.valueAt.length - 1;
  const values = pageValues(leaf, encoding, body, { at, count: levels.valueAt[rows]!, dictionary }, memory);
  return { firstRow, rows, definition: 0, levels, values };
}

function decoded(
  bytes: Uint8Array,
  at: number,
  runs: { readonly width: number; readonly count: number },
  memory: Scratch,
): Int32Array {
  const target = memory.int32(runs.count);
  decodeRuns(bytes, at, runs, target);
  return target;
}

function rowLevels(
  { maxDefinition }: Leaf,
  repetition: Int32Array | undefined,
  definition: Int32Array,
  memory: Scratch,
): PageLevels {
  const count = definition.length;
  if (repetition !== undefined && repetition[0] !== 0) throw new UnknownForm('a page that begins within a row');
  const levelAt = repetition && memory.int32(count + 1);
  const valueAt = memory.int32(count + 1);
  let rows = 0;
  let values = 0;
  for (let i = 0; i < count; i++) {
    if (repetition === undefined || repetition[i] === 0) {
      if (levelAt !== undefined) levelAt[rows] = i;
      valueAt[rows++] = values;
    }
    if (definition[i] === maxDefinition) values++;
  }
  if (levelAt !== undefined) levelAt[rows] = count;
  valueAt[rows] = values;
  return { definition, repetition, levelAt: levelAt?.subarray(0, rows + 1), valueAt: valueAt.subarray(0, rows + 1) };
}

interface ValuesPlace {
  readonly at: number;
  readonly count: number;
  readonly dictionary: PlainValues | undefined;
}

function pageValues(leaf: Leaf, encoding: number, body: Uint8Array, place: ValuesPlace, memory: Scratch): LeafValues {
  const { at, count, dictionary } = place;
  if (count === 0) return { kind: 'fixed', length: 0, words: NO_WORDS };
  switch (encoding) {
    case ENCODING.plain:
      return plainValues(leaf, body, at, count, memory);
    case ENCODING.plainDictionary:
    case ENCODING.rleDictionary: {
      if (dictionary === undefined) throw new UnknownForm('it has no dictionary');
      const runs = { width: body[at]!, count };
      if (!(runs.width <= MOST_INDEX_BITS)) throw new UnknownForm(`indices of ${runs.width} bits`);
      const index = singleRun(body, at + 1, runs);
      const indices = index === undefined ? decoded(body, at + 1, runs, memory) : undefined;
      checkIndices(indices ?? Int32Array.of(index!), dictionary.length);
      return { kind: 'indexed', length: count, dictionary, indices, index: index ?? 0 };
    }
    case ENCODING.deltaBinaryPacked: {
      if (leaf.kind === 'int32') return fixed(decodeDeltas32(body, at, memory).values, count, 1);
      if (leaf.kind === 'int64') return fixed(decodeDeltas64(body, at, memory).halves, count, 2);
      break;
    }
    case ENCODING.deltaLengthByteArray:
      if (leaf.kind === 'text') return textAfterLengths(body, at, count, memory);
      break;
    case ENCODING.byteStreamSplit:
      if (leaf.kind === 'double') return fixed(joinedStreams(body, at, count, memory), count, 2);
      break;
  }
  throw new UnknownForm(`a page of encoding ${encoding}`);
}

/** As many as {@link decodeRuns} takes. */
const MOST_INDEX_BITS = 24;

const NO_WORDS = new Int32Array(0);

function fixed(words: Int32Array, length: number, wordsAValue: number): FixedValues {
  if (words.length !== length * wordsAValue) throw new UnknownForm('it has another number of values');
  return { kind: 'fixed', length, words };
}

function checkIndices(indices: Int32Array, length: number): void {
  for (let i = 0; i < indices.length; i++)
    if (indices[i]! >>> 0 >= length) throw new UnknownForm('an index without a value');
}

function plainValues({ kind }: Leaf, body: Uint8Array, at: number, count: number, memory: Scratch): PlainValues {
  if (count > 8 * (body.length - at)) throw new UnknownForm('its values are cut');
  if (kind === 'text') return plainTexts(body, at, count, memory);
  if (kind === 'boolean') return { kind: 'fixed', length: count, words: plainBits(body, at, count, memory) };
  const words = memory.int32(kind === 'int32' ? count : 2 * count);
  const bytes = body.subarray(at, at + words.byteLength);
  if (bytes.length !== words.byteLength) throw new UnknownForm('its values are cut');
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength).set(bytes);
  return { kind: 'fixed', length: count, words };
}

function plainBits(body: Uint8Array, at: number, count: number, memory: Scratch): Int32Array {
  const words = memory.int32(count);
  for (let i = 0; i < count; i++) words[i] = (body[at + (i >> 3)]! >> (i & 7)) & 1;
  return words;
}

/** Each text has its length in front: here they are put together. */
function plainTexts(body: Uint8Array, start: number, count: number, memory: Scratch): TextValues {
  const bytes = memory.bytes(body.length - start);
  const offsets = memory.int32(count + 1);
  let at = start;
  for (let i = 0; i < count; i++) {
    const length = uint32(body, at);
    at += LENGTH_BYTES;
    if (at + length > body.length) throw new UnknownForm('its values are cut');
    bytes.set(body.subarray(at, at + length), offsets[i]!);
    offsets[i + 1] = offsets[i]! + length;
    at += length;
  }
  return { kind: 'text', length: count, bytes, offsets };
}

function textAfterLengths(body: Uint8Array, at: number, count: number, memory: Scratch): TextValues {
  const { values, end } = decodeDeltas32(body, at, memory);
  if (values.length !== count) throw new UnknownForm('it has another number of values');
  const offsets = memory.int32(count + 1);
  const sum = addLengths(values, offsets);
  const bytes = body.subarray(end, end + sum);
  if (bytes.length !== sum) throw new UnknownForm('its values are cut');
  return { kind: 'text', length: count, bytes, offsets };
}

/** @returns the sum; NaN when a length is none */
function addLengths(lengths: Int32Array, offsets: Int32Array): number {
  let sum = 0;
  let all = 0;
  for (let i = 0; i < lengths.length; i++) {
    all |= lengths[i]!;
    offsets[i + 1] = sum += lengths[i]!;
  }
  return all < 0 ? Number.NaN : sum;
}

/** The first bytes of all values, then the second ones, and so on. */
function joinedStreams(body: Uint8Array, at: number, count: number, memory: Scratch): Int32Array {
  const bytes = memory.bytes(8 * count);
  if (at + bytes.length > body.length) throw new UnknownForm('its values are cut');
  for (let stream = 0; stream < 8; stream++) {
    const from = at + stream * count;
    for (let i = 0; i < count; i++) bytes[8 * i + stream] = body[from + i]!;
  }
  return new Int32Array(bytes.buffer, bytes.byteOffset, 2 * count);
}

function uint32(bytes: Uint8Array, at: number): number {
  if (at + LENGTH_BYTES > bytes.length) throw new UnknownForm('it ends before a length');
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

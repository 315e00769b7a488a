import { crc32 } from 'node:zlib';
import { INDEX_VERSION } from '@openwit/ports';
import type { ByteRange } from '@openwit/tantivy-node';

// The index of a file: Tantivy's index of its texts and ids, which may be absent, with bitmaps and filters of values in front of its
// end; then the directory, which says where those are, as JSON; then the trailer. One read opens it: of the end of Tantivy's, the
// directory and the trailer.

/** Where something lies, with its checksum. */
export interface Section {
  readonly at: number;
  readonly bytes: number;
  readonly crc: number;
}

/** Of a column whose values are looked up. */
export interface ValueSection {
  readonly name: string;
  /** {@link StoredValues} as JSON; absent when there were too many. */
  readonly values?: Section;
  /** Chunks that have checksums of their own. */
  readonly filter?: Omit<Section, 'crc'>;
}

/** A value, its rows, and where the bitmap of those lies. */
export type StoredValue = readonly [value: string, rows: number, at: number, bytes: number, crc: number];

export interface IndexDirectory {
  readonly rows: number;
  /** Bytes of Tantivy's index with what it holds of values, which stands first; 0 when there is none. */
  readonly textBytes: number;
  /** The columns that are searched by words. */
  readonly texts: readonly { readonly name: string; readonly analyser: 'log' | 'cjk' | 'raw' }[];
  /** The columns whose values Tantivy's index has, under {@link valueField}. */
  readonly lookups: readonly string[];
  /** Their sections are where `valuesAt` says, and from there. */
  readonly values: readonly ValueSection[];
  readonly valuesAt: number;
}

/** What a column is called in Tantivy's index when its values are looked up: it may be searched by words too. */
export function valueField(column: string): string {
  return `=${column}`;
}

/** An index is not what it should be. */
export class DamagedIndex extends Error {
  override readonly name = 'DamagedIndex';
}

const MAGIC = Buffer.from('OWFINDEX');
/** Bytes and checksum of the directory, version, magic. */
export const TRAILER_BYTES: number = 4 + 4 + 4 + MAGIC.length;

/** What stands at the end of the file. */
export function encodeEnd(directory: IndexDirectory): Uint8Array {
  const json = Buffer.from(JSON.stringify(directory));
  const numbers = Buffer.alloc(TRAILER_BYTES - MAGIC.length);
  numbers.writeUInt32LE(json.length, 0);
  numbers.writeUInt32LE(crc32(json), 4);
  numbers.writeUInt32LE(INDEX_VERSION, 8);
  return Buffer.concat([json, numbers, MAGIC]);
}

/** Where the directory lies. @throws DamagedIndex */
export function directoryAt(trailer: Uint8Array, sizeBytes: number): Section {
  const view = new DataView(trailer.buffer, trailer.byteOffset, trailer.length);
  if (MAGIC.compare(trailer, TRAILER_BYTES - MAGIC.length) !== 0) throw new DamagedIndex('the file is no index');
  const version = view.getUint32(8, true);
  if (version !== INDEX_VERSION) throw new DamagedIndex(`the index is of another version, version=${version}`);
  const bytes = view.getUint32(0, true);
  const at = sizeBytes - TRAILER_BYTES - bytes;
  if (at < 0) throw new DamagedIndex('the directory of the index is longer than its file');
  return { at, bytes, crc: view.getUint32(4, true) };
}

/** @throws DamagedIndex */
export function checkSection(bytes: Uint8Array, { at, crc }: Section): Uint8Array {
  if (crc32(bytes) !== crc) throw new DamagedIndex(`a section of the index is damaged, at=${at}`);
  return bytes;
}

/** @param from where it counts from */
export function rangeOf({ at, bytes }: Omit<Section, 'crc'>, from: number): ByteRange {
  return [from + at, from + at + bytes];
}

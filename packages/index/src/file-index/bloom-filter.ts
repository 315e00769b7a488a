import { crc32 } from 'node:zlib';
import type { ValueHash } from './value-hash.ts';

/** Bits a value: at most about 1 % of other values pass. */
const VALUE_BITS = 11;
/** As in Parquet's filter a block is eight words of 32 bits, and a value sets one bit in each. */
const BLOCK_BYTES = 32;
const SALTS = [0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31] as const;
/** A chunk is read at a time: so many blocks, then their checksum. */
export const CHUNK_BYTES = 4096;
const CHUNK_BLOCKS = (CHUNK_BYTES - BLOCK_BYTES) / BLOCK_BYTES;
const CHECKSUM_AT = CHUNK_BLOCKS * BLOCK_BYTES;
const LEAST_HASHES = 1024;
/** Enough for some ten million values. */
const SEEN_SHIFT = 21;
const SEEN_BITS = 2 ** SEEN_SHIFT;

/** The values of a column, as traces of them: what is not among those is surely no value of the column. */
export class BloomFilterWriter {
  #hashes = new Uint32Array(LEAST_HASHES);
  #length = 0;
  /** A bit for each value's hash, to tell how many different ones there are. */
  readonly #seen = new Uint8Array(SEEN_BITS / 8);
  #seenBits = 0;

  add({ block, bits }: ValueHash): void {
    const at = block >>> (32 - SEEN_SHIFT);
    const bit = 1 << (at & 7);
    if ((this.#seen[at >> 3]! & bit) === 0) {
      this.#seen[at >> 3]! |= bit;
      this.#seenBits++;
    }
    if (this.#length === this.#hashes.length) {
      const larger = new Uint32Array(2 * this.#length);
      larger.set(this.#hashes);
      this.#hashes = larger;
    }
    this.#hashes[this.#length++] = block;
    this.#hashes[this.#length++] = bits;
  }

  /** The chunks of the filter, one after the other. */
  finish(): Uint8Array {
    const blocks = Math.max(1, Math.ceil((this.#values() * VALUE_BITS) / (8 * BLOCK_BYTES)));
    const chunks = Math.ceil(blocks / CHUNK_BLOCKS);
    const bytes = Buffer.alloc(chunks * CHUNK_BYTES);
    setAllBits(bytes, chunks, this.#hashes.subarray(0, this.#length));
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      bytes.writeUInt32LE(crc32(bytes.subarray(at, at + CHECKSUM_AT)), at + CHECKSUM_AT);
    }
    return bytes;
  }

  /** How many different ones there are, nearly: "linear counting" (Whang et al., 1990). */
  #values(): number {
    const share = Math.min(this.#seenBits, SEEN_BITS - 1) / SEEN_BITS;
    return -SEEN_BITS * Math.log(1 - share);
  }
}

/** Which chunk of a filter of so many bytes tells of a value. */
export function chunkOf(hash: ValueHash, filterBytes: number): number {
  return Math.floor(blockOf(hash.block, filterBytes / CHUNK_BYTES) / CHUNK_BLOCKS);
}

/** @param chunk see {@link chunkOf} @returns undefined when the chunk is damaged */
export function mayHold(chunk: Uint8Array, hash: ValueHash, filterBytes: number): boolean | undefined {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  if (crc32(chunk.subarray(0, CHECKSUM_AT)) !== view.getUint32(CHECKSUM_AT, true)) return undefined;
  const block = (blockOf(hash.block, filterBytes / CHUNK_BYTES) % CHUNK_BLOCKS) * BLOCK_BYTES;
  return SALTS.every(
    (salt, i) => (view.getUint32(block + 4 * i, true) & (1 << (Math.imul(hash.bits, salt) >>> 27))) !== 0,
  );
}

function setAllBits(bytes: Buffer, chunks: number, hashes: Uint32Array): void {
  for (let i = 0; i < hashes.length; i += 2) {
    const number = blockOf(hashes[i]!, chunks);
    const start = Math.floor(number / CHUNK_BLOCKS) * CHUNK_BYTES + (number % CHUNK_BLOCKS) * BLOCK_BYTES;
    for (let word = 0; word < SALTS.length; word++) {
      // In little-endian order a bit of a word is one of its bytes.
      const bit = Math.imul(hashes[i + 1]!, SALTS[word]!) >>> 27;
      bytes[start + 4 * word + (bit >> 3)]! |= 1 << (bit & 7);
    }
  }
}

function blockOf(hash: number, chunks: number): number {
  return Math.floor((hash * chunks * CHUNK_BLOCKS) / 2 ** 32);
}

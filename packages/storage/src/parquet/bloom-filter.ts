import { i32, thriftStruct, writeThrift } from './thrift.ts';

/** Fewest bits a value, and with the blocks a power of two fewer than twice as many: at most 1.3 % of other values pass. */
const VALUE_BITS = 10;
/** A block is eight words of 32 bits, and a value sets one bit in each. */
const BLOCK_BYTES = 32;
const WORD_BYTES = 4;
const SALTS = [0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31] as const;

const HEADER = { bytes: 1, algorithm: 2, hash: 3, compression: 4 } as const;
/** A union's only kind: split blocks, XXH64, and not compressed. */
const ONLY = thriftStruct({ 1: thriftStruct({}) });

/**
 * Parquet's split block bloom filter, with its header in front, as it stands in a file
 * (https://github.com/apache/parquet-format/blob/master/BloomFilter.md).
 * @param hashes of the distinct values; of none there is one empty block, which lets nothing pass
 */
export function bloomFilter(hashes: readonly bigint[]): Uint8Array {
  const blocks = blocksFor(hashes.length);
  const bits = new Uint8Array(blocks * BLOCK_BYTES);
  for (const hash of hashes) {
    // Exact in a double, as the blocks are a power of two.
    const block = Math.floor((Number(hash >> 32n) * blocks) / 2 ** 32);
    const key = Number(hash & 0xffffffffn);
    let word = block * BLOCK_BYTES;
    for (const salt of SALTS) {
      const bit = Math.imul(key, salt) >>> 27;
      bits[word + (bit >> 3)]! |= 1 << (bit & 7);
      word += WORD_BYTES;
    }
  }
  return Buffer.concat([header(bits.length), bits]);
}

function blocksFor(values: number): number {
  const wanted = (values * VALUE_BITS) / (8 * BLOCK_BYTES);
  return 2 ** Math.ceil(Math.log2(Math.max(1, wanted)));
}

function header(bytes: number): Uint8Array {
  return writeThrift(
    thriftStruct({
      [HEADER.bytes]: i32(bytes),
      [HEADER.algorithm]: ONLY,
      [HEADER.hash]: ONLY,
      [HEADER.compression]: ONLY,
    }),
  );
}

const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;
const STRIPE_BYTES = 32;

/**
 * The hash of a value for the filter: XXH64 with seed 0
 * (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
 * @param bytes as PLAIN has the value, a text without its length
 */
export function xxh64(bytes: Uint8Array): bigint {
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const striped = length - (length % STRIPE_BYTES);
  let at = striped;
  let hash = u64((striped > 0 ? stripes(view, striped) : PRIME_5) + BigInt(length));
  for (; at + 8 <= length; at += 8) hash = merged(hash, view.getBigUint64(at, true), 27n);
  if (at + 4 <= length) {
    hash = u64(rotated(hash ^ u64(BigInt(view.getUint32(at, true)) * PRIME_1), 23n) * PRIME_2 + PRIME_3);
    at += 4;
  }
  for (; at < length; at++) hash = u64(rotated(hash ^ u64(BigInt(bytes[at]!) * PRIME_5), 11n) * PRIME_1);
  hash = u64((hash ^ (hash >> 33n)) * PRIME_2);
  hash = u64((hash ^ (hash >> 29n)) * PRIME_3);
  return hash ^ (hash >> 32n);
}

/** Of the first `length` bytes, whole stripes: four lanes side by side, and then one. */
function stripes(view: DataView, length: number): bigint {
  let a = u64(PRIME_1 + PRIME_2);
  let b = PRIME_2;
  let c = 0n;
  let d = u64(-PRIME_1);
  for (let at = 0; at < length; at += STRIPE_BYTES) {
    a = round(a, view.getBigUint64(at, true));
    b = round(b, view.getBigUint64(at + 8, true));
    c = round(c, view.getBigUint64(at + 16, true));
    d = round(d, view.getBigUint64(at + 24, true));
  }
  const sum = u64(rotated(a, 1n) + rotated(b, 7n) + rotated(c, 12n) + rotated(d, 18n));
  return [a, b, c, d].reduce((hash, lane) => merged(hash, lane, 0n), sum);
}

function round(lane: bigint, input: bigint): bigint {
  return u64(rotated(u64(lane + u64(input * PRIME_2)), 31n) * PRIME_1);
}

function merged(hash: bigint, input: bigint, turn: bigint): bigint {
  return u64(rotated(hash ^ round(0n, input), turn) * PRIME_1 + PRIME_4);
}

function rotated(value: bigint, bits: bigint): bigint {
  return u64(value << bits) | (value >> (64n - bits));
}

function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

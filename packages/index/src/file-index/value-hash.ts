/** Two hashes of a value, 32 bits each. */
export interface ValueHash {
  readonly block: number;
  readonly bits: number;
}

const BLOCK_SEED = 0x811c9dc5 | 0;
const BITS_SEED = 0x9747b28c | 0;
const PRIME = 0x01000193;
const OTHER_PRIME = 0x5bd1e995;

/** Of the bytes from `from` to `to`: FNV-1a for one, a product of its own for the other, each mixed at its end. */
export function hashOf(data: Uint8Array, from: number, to: number): ValueHash {
  let block = BLOCK_SEED;
  let bits = BITS_SEED;
  for (let i = from; i < to; i++) {
    block = Math.imul(block ^ data[i]!, PRIME);
    bits = Math.imul(bits + data[i]!, OTHER_PRIME) ^ (bits >>> 13);
  }
  return { block: mixed(block), bits: mixed(bits ^ (to - from)) };
}

/** The end of MurmurHash3: each bit depends on all. */
function mixed(hash: number): number {
  let mixing = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixing = Math.imul(mixing ^ (mixing >>> 13), 0xc2b2ae35);
  return (mixing ^ (mixing >>> 16)) >>> 0;
}

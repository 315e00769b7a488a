import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bloomFilter, xxh64 } from './bloom-filter.ts';

const HEADER_BYTES = 15;

test('hashes are those of the xxHash library, of any length', () => {
  const known: readonly (readonly [string, bigint])[] = [
    ['', 0xef46db3751d8e999n],
    ['a', 0xd24ec4f1a98c6e5bn],
    ['abc', 0x44bc2cf5ad770999n],
    ['checkout-service-eu-1', 0x45c98b09b0458f8dn],
    ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
    ['x'.repeat(100), 0x92f0de5a88a3c094n],
  ];
  for (const [text, hash] of known) assert.equal(xxh64(Buffer.from(text)), hash, text);

  const byLength: readonly (readonly [number, bigint])[] = [
    [1, 0x8a4127811b21e730n],
    [3, 0x31d2363f52e564c9n],
    [4, 0xb4d516af63f9c743n],
    [7, 0x2163df11c0cdf8cdn],
    [8, 0xd5474d6ca50def58n],
    [20, 0xbefc91514d8c37c2n],
    [31, 0xc025b4c3c4880c7an],
    [32, 0x178ae25cee6f7994n],
    [33, 0x4072a28263e977efn],
    [63, 0x47948108b5ff3162n],
    [100, 0x3a7fdc0febf6f5dcn],
    [1000, 0x958e6485b0af5378n],
  ];
  for (const [length, hash] of byLength) {
    // Not at the start of its buffer, as values seldom are.
    const bytes = Uint8Array.from({ length: length + 3 }, (_, i) => (i - 3) * 7 + length).subarray(3);
    assert.equal(xxh64(bytes), hash, `${length} bytes`);
  }
});

test('what was added may be there, and of other values fewer than 2 %', () => {
  for (const count of [1, 5, 25, 26, 1000, 1638, 20_000]) {
    const filter = bloomFilter(hashesOf('added', count));
    assert.ok(hashesOf('added', count).every((hash) => mayHold(filter, hash)));
    const passed = hashesOf('other', 20_000).filter((hash) => mayHold(filter, hash)).length;
    assert.ok(passed < 400, `${passed} of 20000 passed a filter of ${count}`);
  }
});

test('a filter of nothing lets nothing pass', () => {
  const filter = bloomFilter([]);
  assert.ok(hashesOf('other', 1000).every((hash) => !mayHold(filter, hash)));
});

test('a filter is a power of two of blocks, of 10 to 20 bits a value', () => {
  const sizes = [0, 1, 25, 26, 51, 52, 1000, 100_000].map((count) => bitsOf(bloomFilter(hashesOf('v', count))).length);
  assert.deepEqual(sizes, [32, 32, 32, 64, 64, 128, 2048, 131_072]);
});

test('the header tells the size, then split blocks, XXH64 and no compression', () => {
  assert.equal(
    Buffer.from(bloomFilter([]).subarray(0, HEADER_BYTES)).toString('hex'),
    '15401c1c00001c1c00001c1c000000',
  );
});

function hashesOf(name: string, count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => xxh64(Buffer.from(`${name}-${i}`)));
}

/** As the specification has it: the block by the upper half of the hash, a bit in each of its words by the lower one. */
function mayHold(filter: Uint8Array, hash: bigint): boolean {
  const bits = bitsOf(filter);
  const block = ((hash >> 32n) * BigInt(bits.length / 32)) >> 32n;
  const salts = [
    0x47b6137bn,
    0x44974d91n,
    0x8824ad5bn,
    0xa2b7289dn,
    0x705495c7n,
    0x2df1424bn,
    0x9efc4947n,
    0x5c6bfb31n,
  ];
  return salts.every((salt, i) => {
    const word = bits.readUInt32LE(Number(block) * 32 + i * 4);
    const bit = (((hash & 0xffffffffn) * salt) & 0xffffffffn) >> 27n;
    return ((BigInt(word) >> bit) & 1n) === 1n;
  });
}

/** Behind the header, in which only the varint of the size, from its second byte on, is sometimes longer. */
function bitsOf(filter: Uint8Array): Buffer {
  let longer = 0;
  while (filter[1 + longer]! > 127) longer++;
  return Buffer.from(filter).subarray(HEADER_BYTES + longer);
}

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeededRandom } from '@openwit/ports/testing';
import fc from 'fast-check';
import {
  Compression,
  EnabledStatistics,
  Encoding,
  Table,
  type WriterProperties,
  WriterPropertiesBuilder,
  writeParquet,
} from 'parquet-wasm';
import arrow from '../parquet/arrow-bundle.ts';
import { metaOf } from '../parquet/file-schema.ts';
import { footerBytes, TAIL_BYTES } from '../parquet/footer-bytes.ts';
import { IpcBuffer } from '../parquet/ipc-buffer.ts';
import { DATA, FILE, GROUP, PAGE } from '../parquet/metadata-fields.ts';
import { chunkRange, pagesOf } from '../parquet/parquet-pages.ts';
import { Scratch } from '../parquet/scratch.ts';
import { integer, readThrift, structsIn, type ThriftStruct } from '../parquet/thrift.ts';
import { decodeDeltas32, decodeDeltas64 } from './delta-decoder.ts';
import { encodeDeltas32, encodeDeltas64 } from './delta-encoder.ts';
import { UnknownForm } from './unknown-form.ts';

const LENGTHS = [0, 1, 2, 32, 33, 34, 128, 129, 130, 160, 161, 1000];
const LEAST_32 = -(2 ** 31);
const LEAST_64 = -(2n ** 63n);
const SEED = 1;
const FAST_CHECK = { seed: SEED, numRuns: 2000 };

/** Values of as many bits as a number of 0 to 64 says. */
const values64 = fc
  .tuple(fc.bigInt({ min: LEAST_64, max: -LEAST_64 - 1n }), fc.integer({ min: 0, max: 64 }), fc.nat(300), fc.nat())
  .map(([base, bits, length, seed]) => {
    const random = new SeededRandom(seed);
    return BigInt64Array.from({ length }, () => BigInt.asIntN(64, base + BigInt.asUintN(bits, anyBigInt(random))));
  });
const values32 = values64.map((values) => Int32Array.from(values, (value) => Number(BigInt.asIntN(32, value))));

describe('what is encoded is read as it was, and where it ends', () => {
  test('numbers of any width', () => {
    fc.assert(fc.property(values32, fc.nat(20), checkRoundTrip32), FAST_CHECK);
    fc.assert(fc.property(values64, fc.nat(20), checkRoundTrip64), FAST_CHECK);
  });

  for (const length of LENGTHS) {
    test(`${length} values`, () => {
      const signs = Array.from({ length }, (_, i) => (i % 3 === 1 ? 1 : 0));
      checkRoundTrip32(new Int32Array(length).fill(-7), 0);
      checkRoundTrip64(new BigInt64Array(length).fill(-7n), 0);
      checkRoundTrip32(
        Int32Array.from(signs, (sign) => LEAST_32 - sign),
        3,
      );
      checkRoundTrip64(
        BigInt64Array.from(signs, (sign) => BigInt.asIntN(64, LEAST_64 - BigInt(sign))),
        3,
      );
    });
  }

  test('a part of a larger array', () => {
    const values = BigInt64Array.from({ length: 500 }, (_, i) => BigInt(i) ** 5n);
    checkRoundTrip64(values.subarray(7, 300), 1);
    checkRoundTrip32(new Int32Array(values.buffer, 4, 321), 1);
  });

  test('equal differences cost no bits', () => {
    const bytes = write64(BigInt64Array.from({ length: 1 + 128 * 10 }, (_, i) => BigInt(i) << 40n));
    assert.ok(bytes.length <= 10 + 10 * (6 + 4));
  });
});

test('blocks of any legal form are read, whatever is said of miniblocks without values', () => {
  const random = new SeededRandom(SEED);
  for (let round = 0; round < 500; round++) {
    const miniblock = 32 * (1 + random.below(8));
    const miniblocks = 4 * (1 + random.below(3));
    const width = random.below(65);
    const values = Array.from({ length: random.below(3000) }, () => BigInt.asUintN(width, anyBigInt(random)));
    const form = { miniblock, miniblocks, spareBits: random.below(3) };
    const wide = BigInt64Array.from(values);
    const bytes = spelled(wide, 64, form);
    assert.deepEqual(read64(followed(bytes), 0), { values: wide, end: bytes.length }, `round ${round}`);
    const narrow = Int32Array.from(values, (value) => Number(BigInt.asIntN(32, value)));
    const narrowBytes = spelled(BigInt64Array.from(narrow, BigInt), 32, form);
    assert.deepEqual(read32(narrowBytes, 0), { values: narrow, end: narrowBytes.length }, `round ${round}`);
  }
});

test('what we write is as the specification has it', () => {
  fc.assert(
    fc.property(values64, (values) => {
      const form = { miniblock: 32, miniblocks: 4, spareBits: 0, spareWidth: 0 };
      assert.deepEqual(Buffer.from(write64(values)), Buffer.from(spelled(values, 64, form)));
      const narrow = Int32Array.from(values, (value) => Number(BigInt.asIntN(32, value)));
      const wanted = spelled(BigInt64Array.from(narrow, BigInt), 32, form);
      assert.deepEqual(Buffer.from(write32(narrow)), Buffer.from(wanted));
    }),
    { ...FAST_CHECK, numRuns: 300 },
  );
});

test('what parquet-rs writes is read; for 32 bits it writes the same bytes', () => {
  const random = new SeededRandom(SEED);
  for (const length of [1, 2, 33, 129, 1000, 5000]) {
    for (const bits of [0, 1, 7, 20, 31, 32, 33, 50, 63, 64]) {
      const long = BigInt64Array.from({ length }, () => BigInt.asUintN(bits, anyBigInt(random)));
      const int = Int32Array.from(long, (value) => Number(BigInt.asIntN(32, value)));
      const [longBytes, intBytes] = writtenByParquetRs(long, int);
      assert.deepEqual(read64(longBytes, 0), { values: long, end: longBytes.length });
      assert.deepEqual(read32(intBytes, 0), { values: int, end: intBytes.length });
      assert.deepEqual(Buffer.from(write32(int)), Buffer.from(intBytes));
    }
  }
});

describe('what is no such encoding is an error', () => {
  test('bytes that end early', () => {
    const random = new SeededRandom(SEED);
    const values = BigInt64Array.from({ length: 200 }, () => anyBigInt(random));
    const wide = write64(values);
    const narrow = write32(new Int32Array(values.buffer));
    for (let length = 0; length < wide.length; length++) assertRefused64(wide.subarray(0, length));
    for (let length = 0; length < narrow.length; length++) assertRefused32(narrow.subarray(0, length));
  });

  const VALUES = [2, 0];
  const HOSTILE: Record<string, number[]> = {
    'a block of none': [0, 4, ...VALUES],
    'no miniblocks': [0x80, 1, 0, ...VALUES],
    'a block of 96': [96, 3, ...VALUES],
    'miniblocks of 16': [0x80, 1, 8, ...VALUES],
    'miniblocks of no whole number': [0x80, 1, 3, ...VALUES],
    'more values than are allowed': [0x80, 0x80, 0x80, 0x80, 8, 1, 0x81, 0x80, 0x80, 0x40, 0],
    'more values than the bytes have blocks': [0x80, 1, 4, 0x80, 0x80, 0x80, 0x40, 0],
    'a count of 64 bits': [0x80, 1, 4, 0x81, 0x80, 0x80, 0x80, 0x80, 1, 0],
    'a number without an end': [0x80, 1, 4, 2, ...Array(11).fill(0xff), 0],
    'a width above 64': [0x80, 1, 4, ...VALUES, 0, 65, 0, 0, 0],
  };
  for (const [name, bytes] of Object.entries(HOSTILE)) {
    test(name, () => {
      assertRefused64(Uint8Array.from([...bytes, ...Array(1000).fill(0)]));
      assertRefused32(Uint8Array.from([...bytes, ...Array(1000).fill(0)]));
    });
  }

  test('33 bits for a number of 32', () => {
    assertRefused32(Uint8Array.from([0x80, 1, 4, ...VALUES, 0, 33, 0, 0, 0, ...Array(1000).fill(0)]));
  });

  test('any bytes at all, if they are not read', () => {
    const bytes = fc.tuple(fc.constantFrom([], [0x80, 1, 4]), fc.uint8Array({ maxLength: 400 }));
    const decodes = [read32, read64];
    fc.assert(
      fc.property(bytes, fc.constantFrom(...decodes), ([head, rest], decode) => {
        const all = Uint8Array.from([...head, ...rest]);
        try {
          assert.ok(decode(all, 0).end <= all.length);
        } catch (error) {
          assert.ok(isInternal(error), String(error));
        }
      }),
      { ...FAST_CHECK, numRuns: 10_000 },
    );
  });
});

function checkRoundTrip32(values: Int32Array, at: number): void {
  const bytes = write32(values);
  assert.deepEqual(read32(bytes, 0), { values: values.slice(), end: bytes.length });
  assert.deepEqual(read32(followed(bytes, at), at), { values: values.slice(), end: at + bytes.length });
}

function checkRoundTrip64(values: BigInt64Array, at: number): void {
  const bytes = write64(values);
  assert.deepEqual(read64(bytes, 0), { values: values.slice(), end: bytes.length });
  assert.deepEqual(read64(followed(bytes, at), at), { values: values.slice(), end: at + bytes.length });
}

/** The bytes with others around them, not aligned. */
function followed(bytes: Uint8Array, at = 0): Uint8Array {
  const all = new Uint8Array(1 + at + bytes.length + 50).fill(0xff).subarray(1);
  all.set(bytes, at);
  return all;
}

function assertRefused32(bytes: Uint8Array): void {
  assert.throws(() => read32(bytes, 0), isInternal);
}

function assertRefused64(bytes: Uint8Array): void {
  assert.throws(() => read64(bytes, 0), isInternal);
}

function isInternal(error: unknown): boolean {
  return error instanceof UnknownForm;
}

function anyBigInt(random: SeededRandom): bigint {
  return Buffer.from(random.bytes(8)).readBigInt64LE();
}

interface Form {
  readonly miniblock: number;
  readonly miniblocks: number;
  /** More than the values need. */
  readonly spareBits: number;
  /** Of miniblocks without values. */
  readonly spareWidth?: number;
}

/** As the specification has it, bit by bit. */
function spelled(
  values: BigInt64Array,
  size: 32 | 64,
  { miniblock, miniblocks, spareBits, spareWidth }: Form,
): Uint8Array {
  const bytes: number[] = [];
  const varint = (value: bigint) => {
    for (; value > 127n; value >>= 7n) bytes.push(Number(value & 127n) | 128);
    bytes.push(Number(value));
  };
  const zigzag = (value: bigint) => varint(value < 0n ? -2n * value - 1n : 2n * value);
  for (const head of [miniblock * miniblocks, miniblocks, values.length]) varint(BigInt(head));
  zigzag(values[0] ?? 0n);
  const deltas = Array.from(values.subarray(1), (value, i) => BigInt.asIntN(size, value - values[i]!));
  for (let block = 0; block < deltas.length; block += miniblock * miniblocks) {
    const own = deltas.slice(block, block + miniblock * miniblocks);
    let least = own[0]!;
    for (const delta of own) if (delta < least) least = delta;
    zigzag(least);
    const parts = Array.from({ length: miniblocks }, (_, i) =>
      own.slice(i * miniblock, (i + 1) * miniblock).map((delta) => delta - least),
    );
    const widths = parts.map((part) => {
      const needed = Math.max(0, ...part.map((above) => (above === 0n ? 0 : above.toString(2).length)));
      return part.length === 0 ? (spareWidth ?? 255) : Math.min(size, needed + spareBits);
    });
    bytes.push(...widths);
    for (const [i, part] of parts.entries()) {
      if (part.length === 0) continue;
      const width = widths[i]!;
      const bits = part.reduce((all, above, k) => all | (above << BigInt(k * width)), 0n);
      const length = (miniblock * width) / 8;
      const hex = bits.toString(16).padStart(2 * length, '0');
      if (length > 0) bytes.push(...Buffer.from(hex, 'hex').reverse());
    }
  }
  return Uint8Array.from(bytes);
}

/** The bodies of the pages of two columns that a file of them has. */
function writtenByParquetRs(long: BigInt64Array, int: Int32Array): [Uint8Array, Uint8Array] {
  const { length } = long;
  const fields = [new arrow.Field('long', new arrow.Int64(), false), new arrow.Field('int', new arrow.Int32(), false)];
  const children = [
    arrow.makeData({ type: new arrow.Int64(), length, nullCount: 0, data: long }),
    arrow.makeData({ type: new arrow.Int32(), length, nullCount: 0, data: int }),
  ];
  const data = arrow.makeData({ type: new arrow.Struct(fields), length, nullCount: 0, children });
  const batch = new arrow.RecordBatch(new arrow.Schema(fields), data as never);
  const file = writeParquet(Table.fromIPCStream(new IpcBuffer().encode(batch)), packed());
  const { struct: footer } = readThrift(file, file.length - TAIL_BYTES - footerBytes(file));
  const [group] = structsIn(footer, FILE.rowGroups);
  const [longChunk, intChunk] = structsIn(group!, GROUP.columns);
  return [pageBody(file, longChunk!), pageBody(file, intChunk!)];
}

function packed(): WriterProperties {
  return new WriterPropertiesBuilder()
    .setCompression(Compression.UNCOMPRESSED)
    .setDictionaryEnabled(false)
    .setStatisticsEnabled(EnabledStatistics.None)
    .setEncoding(Encoding.DELTA_BINARY_PACKED)
    .build();
}

const DELTA_BINARY_PACKED = 5;

function pageBody(file: Uint8Array, chunk: ThriftStruct): Uint8Array {
  const { start, end } = chunkRange(metaOf(chunk));
  const pages = pagesOf(file.subarray(start, end));
  assert.equal(pages.length, 1);
  const head = pages[0]!.header.fields[PAGE.data] as ThriftStruct;
  assert.equal(integer(head, DATA.encoding), DELTA_BINARY_PACKED);
  return pages[0]!.body;
}

function read32(bytes: Uint8Array, at: number): { values: Int32Array; end: number } {
  const { values, end } = decodeDeltas32(bytes, at, new Scratch());
  return { values: values.slice(), end };
}

function read64(bytes: Uint8Array, at: number): { values: BigInt64Array; end: number } {
  const { halves, end } = decodeDeltas64(bytes, at, new Scratch());
  return { values: new BigInt64Array(halves.slice().buffer), end };
}

function write32(values: Int32Array): Uint8Array {
  return encodeDeltas32(values).slice();
}

function write64(values: BigInt64Array): Uint8Array {
  return encodeDeltas64(new Int32Array(values.buffer, values.byteOffset, 2 * values.length)).slice();
}

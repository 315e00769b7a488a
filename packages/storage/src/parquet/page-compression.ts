import { constants, zstdCompressSync } from 'node:zlib';

/** How the pages of a column are compressed; the names of Parquet's codecs. */
export interface PageCodec {
  /** `CompressionCodec` of parquet.thrift. */
  readonly id: number;
  compress(page: Uint8Array): Uint8Array;
}

export const UNCOMPRESSED: PageCodec = { id: 0, compress: (page) => page };

/**
 * zstd, tuned on log lines, ids and numbers (docs/decisions/0011). `NEAR` remembers only the last few values:
 * for ids, which have a start in common and nothing else, it is cheap and the best. `FAST` takes less CPU than level 3 for less bytes.
 * `LONG` looks for long repetitions too, such as of the text around the words of a log line: twice the CPU of `FAST`, for an eighth less.
 */
const NEAR = zstd({ minMatch: 4, longTableLog: 6, shortTableLog: 6 });
const FAST_SEARCH: Search = { minMatch: 6, longTableLog: 15, shortTableLog: 13 };
const FAST = zstd(FAST_SEARCH);
const LONG = zstd({ ...FAST_SEARCH, far: { minMatch: 32, everyLog: 5, tableLog: 15, bucketLog: 1 } });

/** Pages below this gain nothing that a reader would notice. */
const LEAST_BYTES = 128;
const SAMPLE_BYTES = 1024 * 1024;
const KEEP_ABOVE = 0.95;
/** What a dearer codec must save of what a cheaper one leaves. */
const WORTH_MORE = 0.04;
/** Row groups of a column are much alike. */
const CHUNKS_A_CHOICE = 128;

/** The codecs of a file's columns, each chosen by what a sample of the column shrinks to. */
export class ColumnCodecs {
  readonly #chosen = new Map<string, { readonly codec: PageCodec; left: number }>();

  /** @param column names chunks that are alike @param pages of one of them */
  of(column: string, pages: readonly Uint8Array[]): PageCodec {
    const largest = pages.reduce((a, b) => (b.length > a.length ? b : a));
    if (largest.length < LEAST_BYTES) return UNCOMPRESSED;
    const known = this.#chosen.get(column);
    if (known !== undefined && known.left-- > 0) return known.codec;
    const codec = chooseCodec(largest);
    this.#chosen.set(column, { codec, left: CHUNKS_A_CHOICE - 1 });
    return codec;
  }
}

function chooseCodec(page: Uint8Array): PageCodec {
  // The end of it: a page of text begins with the lengths of its values.
  const sample = page.subarray(-SAMPLE_BYTES);
  let chosen = UNCOMPRESSED;
  let least = KEEP_ABOVE * sample.length;
  for (const codec of [NEAR, FAST, LONG]) {
    const bytes = compressedBytes(codec, sample);
    if (bytes > least) continue;
    chosen = codec;
    least = (1 - WORTH_MORE) * bytes;
  }
  return chosen;
}

function compressedBytes(codec: PageCodec, bytes: Uint8Array): number {
  const compressed = codec.compress(bytes);
  const { length } = compressed;
  freeOutput(compressed);
  return length;
}

/** What zstd may need at most: so its output is one buffer. */
function roomFor(bytes: number): number {
  return bytes + (bytes >> 8) + LEAST_BYTES;
}

/** What a codec gave is not read any more. As garbage it would lie about for as long as there is room. */
export function freeOutput({ buffer }: Uint8Array): void {
  // Smaller ones may be a part of Node's pool.
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}

interface Search {
  readonly minMatch: number;
  /** Bits of the tables of what was seen, which are cleared for each page: by eight bytes, and by `minMatch`. */
  readonly longTableLog: number;
  readonly shortTableLog: number;
  /** Repetitions of at least `minMatch` bytes; one place in 2^`everyLog` is remembered, and of each hash 2^`bucketLog` of them. */
  readonly far?: {
    readonly minMatch: number;
    readonly everyLog: number;
    readonly tableLog: number;
    readonly bucketLog: number;
  };
}

function zstd({ minMatch, longTableLog, shortTableLog, far }: Search): PageCodec {
  const params = {
    [constants.ZSTD_c_compressionLevel]: 3,
    [constants.ZSTD_c_strategy]: constants.ZSTD_dfast,
    [constants.ZSTD_c_minMatch]: minMatch,
    [constants.ZSTD_c_hashLog]: longTableLog,
    [constants.ZSTD_c_chainLog]: shortTableLog,
    [constants.ZSTD_c_windowLog]: 21,
    ...(far && {
      [constants.ZSTD_c_enableLongDistanceMatching]: 1,
      [constants.ZSTD_c_ldmMinMatch]: far.minMatch,
      [constants.ZSTD_c_ldmHashRateLog]: far.everyLog,
      [constants.ZSTD_c_ldmHashLog]: far.tableLog,
      [constants.ZSTD_c_ldmBucketSizeLog]: far.bucketLog,
    }),
  };
  return { id: 6, compress: (page) => zstdCompressSync(page, { params, chunkSize: roomFor(page.length) }) };
}

import { constants, zstdCompressSync } from 'node:zlib';

/** How the pages of a column are compressed; the names of Parquet's codecs. */
export interface PageCodec {
  /** `CompressionCodec` of parquet.thrift. */
  readonly id: number;
  compress(page: Uint8Array): Uint8Array;
}

const UNCOMPRESSED: PageCodec = { id: 0, compress: (page) => page };

/**
 * zstd, tuned on log lines, ids and numbers (docs/decisions/0011): `FAST` takes half the CPU of level 3 for less bytes;
 * `SEARCHING` takes what level 3 takes, for a sixth less of what is text.
 */
const FAST = zstd({ strategy: constants.ZSTD_dfast, searchLog: 1, minMatch: 7 });
const SEARCHING = zstd({ strategy: constants.ZSTD_greedy, searchLog: 5, minMatch: 6 });

/** Pages below this gain nothing that a reader would notice. */
const LEAST_BYTES = 128;
const SAMPLE_BYTES = 64 * 1024;
/** Random hex shrinks to about 0.52: searching finds nothing more there. */
const SEARCH_BELOW = 0.45;
const KEEP_ABOVE = 0.95;

/** Chooses by what a sample of the column's largest page shrinks to. */
export function chooseCodec(pages: readonly Uint8Array[]): PageCodec {
  const largest = pages.reduce((a, b) => (b.length > a.length ? b : a));
  if (largest.length < LEAST_BYTES) return UNCOMPRESSED;
  // The end of it: a page of text begins with the lengths of its values.
  const sample = largest.subarray(-SAMPLE_BYTES);
  const compressed = FAST.compress(sample);
  const share = compressed.length / sample.length;
  freeOutput(compressed);
  if (share > KEEP_ABOVE) return UNCOMPRESSED;
  return share < SEARCH_BELOW ? SEARCHING : FAST;
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
  readonly strategy: number;
  readonly searchLog: number;
  readonly minMatch: number;
}

function zstd({ strategy, searchLog, minMatch }: Search): PageCodec {
  const params = {
    [constants.ZSTD_c_compressionLevel]: 3,
    [constants.ZSTD_c_strategy]: strategy,
    [constants.ZSTD_c_searchLog]: searchLog,
    [constants.ZSTD_c_minMatch]: minMatch,
    [constants.ZSTD_c_hashLog]: 17,
    [constants.ZSTD_c_chainLog]: 18,
    [constants.ZSTD_c_windowLog]: 21,
    [constants.ZSTD_c_targetLength]: 16,
  };
  return { id: 6, compress: (page) => zstdCompressSync(page, { params, chunkSize: roomFor(page.length) }) };
}

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
const FAST = zstd({ strategy: constants.ZSTD_dfast, searchLog: 1, minMatch: 6, hashLog: 16, chainLog: 16 });
const SEARCHING = zstd({ strategy: constants.ZSTD_greedy, searchLog: 5, minMatch: 6, hashLog: 17, chainLog: 18 });

/** Pages below this gain nothing that a reader would notice. */
const LEAST_BYTES = 128;
const SAMPLE_BYTES = 64 * 1024;
const KEEP_ABOVE = 0.95;
/** What `SEARCHING` must save of what `FAST` leaves: it takes twice the CPU. */
const WORTH_SEARCHING = 0.04;
/** Row groups of a column are much alike. */
const CHUNKS_A_CHOICE = 8;

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
  const fast = compressedBytes(FAST, sample);
  if (fast > KEEP_ABOVE * sample.length) return UNCOMPRESSED;
  return compressedBytes(SEARCHING, sample) < (1 - WORTH_SEARCHING) * fast ? SEARCHING : FAST;
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
  readonly strategy: number;
  readonly searchLog: number;
  readonly minMatch: number;
  /** Bits of the tables, which are cleared for each page. */
  readonly hashLog: number;
  readonly chainLog: number;
}

function zstd({ strategy, searchLog, minMatch, hashLog, chainLog }: Search): PageCodec {
  const params = {
    [constants.ZSTD_c_compressionLevel]: 3,
    [constants.ZSTD_c_strategy]: strategy,
    [constants.ZSTD_c_searchLog]: searchLog,
    [constants.ZSTD_c_minMatch]: minMatch,
    [constants.ZSTD_c_hashLog]: hashLog,
    [constants.ZSTD_c_chainLog]: chainLog,
    [constants.ZSTD_c_windowLog]: 21,
    [constants.ZSTD_c_targetLength]: 16,
  };
  return { id: 6, compress: (page) => zstdCompressSync(page, { params, chunkSize: roomFor(page.length) }) };
}

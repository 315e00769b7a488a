import { OpenWitError } from '@openwit/ports';
import { joined, type Span } from '../byte-spans.ts';
import { TAIL_BYTES } from './footer-bytes.ts';
import { CHUNK, FILE, GROUP, META } from './metadata-fields.ts';
import { integer, readThrift, structsIn, type ThriftStruct } from './thrift.ts';

/** Where a Parquet file has what: which bytes a reader of some columns needs. */
export interface ParquetLayout {
  /** To the end of the file. */
  readonly footer: Span;
  /**
   * Of each row group, by the lower-case name of the top-level column, since DuckDB tells columns apart like that. What a column has is
   * in the order of the row groups.
   */
  readonly columns: ReadonlyMap<string, readonly (readonly Span[])[]>;
  /** The number of the row behind the last one of each row group. */
  readonly rowEnds: readonly number[];
}

const MAGIC = 'PAR1';
const HEADER_BYTES = 4;
/** DuckDB 1.5 reads so many bytes for the header of a page or a filter, wherever that ends. */
const READ_AHEAD_BYTES = 256;

/** Far above what a file of many row groups has; a footer is held in memory. */
const MOST_FOOTER_BYTES = 64 * 1024 * 1024;

/** The footer's place, by the file's last eight bytes. @throws data / STORE_CORRUPTION */
export function footerSpan(tail: Uint8Array, sizeBytes: number): Span {
  const bytes = Buffer.from(tail.buffer, tail.byteOffset, tail.length);
  const isParquet = tail.length === TAIL_BYTES && bytes.toString('latin1', 4) === MAGIC;
  const start = isParquet ? sizeBytes - TAIL_BYTES - bytes.readUInt32LE(0) : 0;
  if (start < HEADER_BYTES || sizeBytes - start > MOST_FOOTER_BYTES)
    throw damaged(`no footer of a Parquet file, sizeBytes=${sizeBytes}`);
  return { start, end: sizeBytes };
}

/** @param bytes those of the span `footer` @throws data / STORE_CORRUPTION */
export function parquetLayout(bytes: Uint8Array, footer: Span): ParquetLayout {
  const { struct } = readThrift(bytes.subarray(0, bytes.length - TAIL_BYTES));
  const groups = structsIn(struct, FILE.rowGroups);
  const placed = groups.flatMap((group, i) =>
    structsIn(group, GROUP.columns).map((chunk) => ({ i, meta: metaOf(chunk) })),
  );
  const chunks = placed.map(({ meta }) => meta);
  const pages = chunks.map((meta) => pagesSpan(meta, footer));
  const blooms = bloomSpans(chunks, [...pages.map(({ start }) => start), footer.start], footer);
  const columns = new Map<string, Span[][]>();
  for (const [i, { i: group, meta }] of placed.entries()) {
    const name = columnName(meta).toLowerCase();
    const spans = [pages[i]!, ...(blooms[i] ?? [])].map(({ start, end }) => ({
      start,
      end: Math.min(footer.end, end + READ_AHEAD_BYTES),
    }));
    let known = columns.get(name);
    if (known === undefined) columns.set(name, (known = groups.map(() => [])));
    known[group]!.push(...spans);
  }
  let rows = 0;
  const rowEnds = groups.map((group) => (rows += integer(group, GROUP.rows) ?? 0));
  return { footer, columns, rowEnds };
}

/**
 * What a reader of these columns touches, the footer included. A column that the file has not costs nothing.
 * @param rows the numbers of the rows that are read, ascending. Default: all
 */
export function spansOf(
  { footer, columns, rowEnds }: ParquetLayout,
  names: Iterable<string> | 'all',
  rows?: Uint32Array,
): Span[] {
  const chosen =
    names === 'all' ? [...columns.values()] : Array.from(names, (name) => columns.get(name.toLowerCase()) ?? []);
  const groups = rows && groupsWith(rowEnds, rows);
  return [footer, ...joined(chosen.flatMap((ofGroups) => ofGroups.filter((_, i) => groups?.has(i) ?? true)).flat())];
}

function groupsWith(rowEnds: readonly number[], rows: Uint32Array): ReadonlySet<number> {
  const groups = new Set<number>();
  let group = 0;
  for (const row of rows) {
    while (group < rowEnds.length && rowEnds[group]! <= row) group++;
    groups.add(group);
  }
  return groups;
}

function metaOf(chunk: ThriftStruct): ThriftStruct {
  const meta = chunk.fields[CHUNK.meta];
  if (meta?.type !== 'struct' || chunk.fields[CHUNK.filePath] !== undefined)
    throw damaged('a column chunk is not in the file');
  return meta;
}

/** The pages of a chunk, the dictionary's with them. */
function pagesSpan(meta: ThriftStruct, footer: Span): Span {
  // A dictionary at 0 is none: old writers say so.
  const starts = [META.dictionaryPage, META.indexPage, META.dataPage].map((field) => integer(meta, field) ?? 0);
  const start = Math.min(...starts.filter((offset) => offset > 0));
  return within(start, start + (integer(meta, META.compressedBytes) ?? Number.NaN), footer);
}

/** The bloom filter of each chunk. One without a length ends where something else begins. */
function bloomSpans(
  chunks: readonly ThriftStruct[],
  starts: readonly number[],
  footer: Span,
): (readonly [Span] | undefined)[] {
  const filters = chunks.map((meta) => integer(meta, META.bloom));
  const all = [...starts, ...filters.filter((start) => start !== undefined)].sort((a, b) => a - b);
  return filters.map((start, i) => {
    if (start === undefined) return undefined;
    const length = integer(chunks[i]!, META.bloomBytes);
    const end = length === undefined ? (all.find((other) => other > start) ?? footer.start) : start + length;
    return [within(start, end, footer)];
  });
}

function within(start: number, end: number, footer: Span): Span {
  if (!(start >= HEADER_BYTES && start <= end && end <= footer.start)) {
    throw damaged(`a column chunk lies outside of the file, start=${start} end=${end}`);
  }
  return { start, end };
}

function columnName(meta: ThriftStruct): string {
  const path = meta.fields[META.path];
  const first = path?.type === 'list' ? path.values[0] : undefined;
  if (first?.type !== 'binary') throw damaged('a column chunk has no name');
  return Buffer.from(first.bytes).toString();
}

function damaged(what: string): OpenWitError {
  return new OpenWitError('data', 'STORE_CORRUPTION', `damaged Parquet metadata: ${what}`);
}

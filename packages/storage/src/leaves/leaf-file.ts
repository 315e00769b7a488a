import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { metaOf } from '../parquet/file-schema.ts';
import { TAIL_BYTES } from '../parquet/footer-bytes.ts';
import { CHUNK, FILE, GROUP, META, STATISTICS } from '../parquet/metadata-fields.ts';
import { footerSpan } from '../parquet/parquet-layout.ts';
import type { Scratch } from '../parquet/scratch.ts';
import { integer, readThrift, structsIn, type ThriftStruct } from '../parquet/thrift.ts';
import { CODECS, leafPages, type RowSpan } from './leaf-pages.ts';
import { type Leaf, leavesOf, schemaKey } from './leaf-schema.ts';
import type { LeafPage } from './leaf-values.ts';
import { natural } from './required-fields.ts';
import { UnknownForm } from './unknown-form.ts';

/** A row group, by numbers: as objects the metadata of many files would take much memory. */
interface StoredGroup {
  readonly firstRow: number;
  readonly rows: number;
  /** Of all its pages, without compression. */
  readonly bytes: number;
  /** By leaf: where its pages begin and end, and their codec. */
  readonly places: Float64Array;
}

const START = 0;
const END = 1;
const CODEC = 2;
const NUMBERS = 3;

/** What is known of a file without reading its pages. */
interface FileFacts {
  readonly leaves: readonly Leaf[];
  readonly schema: string;
  readonly groups: readonly StoredGroup[];
  readonly rowBytes: number;
  /** By leaf, the value of all rows as the statistics tell it, if they do. */
  readonly constants: readonly (string | undefined)[];
}

/** A file that this store wrote, open, as its leaves. */
export class LeafFile {
  readonly leaves: readonly Leaf[];
  /** The same for files of the same columns. */
  readonly schema: string;
  readonly groups: readonly StoredGroup[];
  /** What a row takes without compression, on the average of the row group whose rows are the largest. */
  readonly rowBytes: number;
  readonly #fd: number;
  readonly #facts: FileFacts;

  /** @throws UnknownForm; the file system's error */
  static open(path: string): LeafFile {
    const fd = openSync(path, 'r');
    try {
      return new LeafFile(fd, factsOf(readFooter(fd)));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** The same file once more, without its footer being read. This one may be closed. @throws the file system's error */
  again(path: string): LeafFile {
    return new LeafFile(openSync(path, 'r'), this.#facts);
  }

  /** The metadata of the footer, whole. */
  footer(): ThriftStruct {
    return readFooter(this.#fd);
  }

  private constructor(fd: number, facts: FileFacts) {
    this.#fd = fd;
    this.#facts = facts;
    this.leaves = facts.leaves;
    this.schema = facts.schema;
    this.groups = facts.groups;
    this.rowBytes = facts.rowBytes;
  }

  /** What tells values apart that all rows of a file have: undefined where there may be several. */
  constant(leaf: number): string | undefined {
    return this.#facts.constants[leaf];
  }

  /**
   * The pages of a leaf that have some of the rows, by row groups, in order. They lie in `memory`, until the next ones are asked for.
   * @param spans in order
   */
  *pages(leaf: number, spans: readonly RowSpan[], memory: Scratch): Generator<LeafPage[]> {
    let next = 0;
    for (const group of this.groups) {
      const end = group.firstRow + group.rows;
      while (next < spans.length && spans[next]!.to <= group.firstRow) next++;
      let last = next;
      while (last < spans.length && spans[last]!.from < end) last++;
      if (last === next) continue;
      memory.reset();
      yield leafPages(this.#chunk(leaf, group, memory), spans.slice(next, last), memory);
    }
  }

  /** The pages of a leaf that have some of the rows, which are all in one row group. They lie in `memory`, beside what does. */
  pagesOf(leaf: number, spans: readonly RowSpan[], memory: Scratch): LeafPage[] {
    const group = this.groups.find(({ firstRow, rows }) => spans[0]!.from < firstRow + rows)!;
    return leafPages(this.#chunk(leaf, group, memory), spans, memory);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #chunk(leaf: number, { places, firstRow, rows }: StoredGroup, memory: Scratch) {
    const start = places[NUMBERS * leaf + START]!;
    const bytes = memory.bytes(places[NUMBERS * leaf + END]! - start);
    readAll(this.#fd, bytes, start);
    return { leaf: this.leaves[leaf]!, codec: places[NUMBERS * leaf + CODEC]!, bytes, firstRow, rows };
  }
}

/** @throws UnknownForm */
function factsOf(footer: ThriftStruct): FileFacts {
  const leaves = leavesOf(footer);
  const rowGroups = structsIn(footer, FILE.rowGroups).filter((group) => integer(group, GROUP.rows) !== 0);
  let firstRow = 0;
  const groups = rowGroups.map((group) => {
    const stored = storedGroup(group, firstRow, leaves.length);
    firstRow += stored.rows;
    return stored;
  });
  const rowBytes = groups.reduce((most, { rows, bytes }) => Math.max(most, bytes / rows), 1);
  const metas = rowGroups.map((group) => structsIn(group, GROUP.columns).map(metaOf));
  const constants = leaves.map((leaf, i) =>
    constantOf(
      leaf,
      metas.map((chunks) => chunks[i]!),
    ),
  );
  return { leaves, schema: schemaKey(footer), groups, rowBytes, constants };
}

function storedGroup(group: ThriftStruct, firstRow: number, leaves: number): StoredGroup {
  const chunks = structsIn(group, GROUP.columns);
  if (chunks.length !== leaves) throw new UnknownForm('a row group has not one chunk a leaf');
  const places = new Float64Array(NUMBERS * leaves);
  if (chunks.some(({ fields }) => fields[CHUNK.filePath] !== undefined))
    throw new UnknownForm('a chunk in another file');
  chunks.map(metaOf).forEach((meta, i) => {
    // A dictionary at 0 is none.
    const start = integer(meta, META.dictionaryPage) || natural(meta, META.dataPage);
    const end = start + natural(meta, META.compressedBytes);
    const codec = integer(meta, META.codec)!;
    if (codec !== CODECS.none && codec !== CODECS.zstd) throw new UnknownForm(`pages with codec ${codec}`);
    places.set([start, end, codec], NUMBERS * i);
  });
  return { firstRow, rows: natural(group, GROUP.rows), bytes: natural(group, GROUP.totalBytes), places };
}

/** Of floats a NaN is in no bounds. */
function constantOf({ kind, maxDefinition, maxRepetition }: Leaf, metas: readonly ThriftStruct[]): string | undefined {
  if (maxRepetition > 0 || maxDefinition > 1) return undefined;
  const constants = metas.map((meta) => {
    const statistics = meta.fields[META.statistics] as ThriftStruct | undefined;
    if (statistics === undefined) return undefined;
    const nulls = integer(statistics, STATISTICS.nullCount);
    if (nulls === integer(meta, META.values)) return NULLS;
    return nulls === 0 && kind !== 'double' ? oneValue(statistics, kind === 'text') : undefined;
  });
  return constants.every((constant) => constant === constants[0]) ? constants[0] : undefined;
}

const NULLS = 'null';

function oneValue({ fields }: ThriftStruct, mayBeCut: boolean): string | undefined {
  const [min, max] = [fields[STATISTICS.min], fields[STATISTICS.max]];
  if (min?.type !== 'binary' || max?.type !== 'binary' || Buffer.compare(min.bytes, max.bytes) !== 0) return undefined;
  const isExact = [STATISTICS.isMinExact, STATISTICS.isMaxExact].every((field) => {
    const flag = fields[field];
    return flag?.type === 'bool' && flag.value;
  });
  return isExact || !mayBeCut ? `=${Buffer.from(min.bytes).toString('latin1')}` : undefined;
}

function readFooter(fd: number): ThriftStruct {
  const { size } = fstatSync(fd);
  const tail = new Uint8Array(TAIL_BYTES);
  readAll(fd, tail, size - TAIL_BYTES);
  const { start, end } = footerSpan(tail, size);
  const footer = new Uint8Array(end - start - TAIL_BYTES);
  readAll(fd, footer, start);
  return readThrift(footer).struct;
}

function readAll(fd: number, target: Uint8Array, start: number): void {
  for (let at = 0; at < target.length; ) {
    const count = start < 0 ? 0 : readSync(fd, target, at, target.length - at, start + at);
    if (count === 0) throw new UnknownForm('the file is cut');
    at += count;
  }
}

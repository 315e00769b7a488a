import { OpenWitError } from '@openwit/ports';
import { repeated } from './encoded-runs.ts';
import { metaOf, pathOf, type SchemaColumn, schemaColumns } from './file-schema.ts';
import { footerBytes, TAIL_BYTES } from './footer-bytes.ts';
import { type MadeChunk, type MadeColumns, madeChunk, type RowRange } from './made-chunk.ts';
import {
  BOOLEAN,
  DATA,
  ELEMENT,
  ENCODING,
  FILE,
  GROUP,
  META,
  PAGE,
  PAGE_TYPE,
  REPETITION,
  STATISTICS,
} from './metadata-fields.ts';
import { chunkRange, pagesOf } from './parquet-pages.ts';
import { i64, integer, readThrift, structsIn, type ThriftStruct, withFields } from './thrift.ts';

/**
 * Columns that have one value in all rows, made of a file with one row: a column chunk of any number of rows is a
 * dictionary of that value and a run of its index, without a look at the rows. Lists and maps have to be empty.
 */
export class ConstantColumns implements MadeColumns {
  readonly columns: readonly SchemaColumn[];
  readonly #leaves = new Map<string, Leaf[]>();

  /** @param file one row, not compressed; its bytes are kept @throws internal / INTERNAL for one of another form */
  constructor(file: Uint8Array) {
    const { struct: footer } = readThrift(file, file.length - TAIL_BYTES - footerBytes(file));
    this.columns = schemaColumns(structsIn(footer, FILE.schema));
    const [group] = structsIn(footer, FILE.rowGroups);
    for (const chunk of group === undefined ? [] : structsIn(group, GROUP.columns)) {
      const path = pathOf(chunk);
      const { elements } = this.columns.find(({ name }) => name === path[0])!;
      const leaves = this.#leaves.get(path[0]!) ?? [];
      leaves.push(leafOf(file, metaOf(chunk), elementsOnPath(elements, path)));
      this.#leaves.set(path[0]!, leaves);
    }
  }

  chunks(name: string, { count }: RowRange): MadeChunk[] {
    return this.#leaves.get(name)!.map((leaf) => stretch(leaf, count));
  }

  /** The metadata of a column that is a leaf itself. */
  leaf(name: string): ThriftStruct {
    return this.#leaves.get(name)![0]!.meta;
  }
}

interface Leaf {
  readonly meta: ThriftStruct;
  readonly isRepeated: boolean;
  /** How much of the path is there; undefined where all of it always is. */
  readonly definition: number | undefined;
  /** As PLAIN has it; undefined where the path ends before. */
  readonly value: Uint8Array | undefined;
}

function leafOf(file: Uint8Array, meta: ThriftStruct, path: readonly ThriftStruct[]): Leaf {
  const repetitions = path.map((element) => integer(element, ELEMENT.repetition));
  const isRepeated = repetitions.includes(REPETITION.repeated);
  const mostDefinition = repetitions.filter((repetition) => repetition !== REPETITION.required).length;
  const { start, end } = chunkRange(meta);
  const pages = pagesOf(file.subarray(start, end));
  const page = pages.find(({ type }) => type === PAGE_TYPE.data);
  const dictionary = pages.find(({ type }) => type === PAGE_TYPE.dictionary);
  const header = page?.header.fields[PAGE.data] as ThriftStruct | undefined;
  if (page === undefined || header === undefined || integer(header, DATA.values) !== 1) throw unknownForm();
  let at = isRepeated ? levelsEnd(page.body, 0) : 0;
  const definition = mostDefinition > 0 ? levelAt(page.body, at) : undefined;
  if (mostDefinition > 0) at = levelsEnd(page.body, at);
  const hasValue = definition === undefined || definition === mostDefinition;
  if (hasValue && dictionary === undefined && integer(header, DATA.encoding) !== ENCODING.plain) throw unknownForm();
  return { meta, isRepeated, definition, value: hasValue ? (dictionary?.body ?? page.body.subarray(at)) : undefined };
}

/** The elements of a leaf and of what it is in. */
function elementsOnPath(elements: readonly ThriftStruct[], path: readonly string[]): ThriftStruct[] {
  const found = [elements[0]!];
  let inside = elements.slice(1);
  for (const name of path.slice(1)) {
    const parts = schemaColumns([elements[0]!, ...inside]);
    const part = parts.find((column) => column.name === name)!;
    found.push(part.elements[0]!);
    inside = part.elements.slice(1);
  }
  return found;
}

const LENGTH_BYTES = 4;

/** Levels are a length and runs; of one row there is one. */
function levelsEnd(body: Uint8Array, at: number): number {
  return at + LENGTH_BYTES + new DataView(body.buffer, body.byteOffset).getUint32(at, true);
}

function levelAt(body: Uint8Array, at: number): number {
  const head = body[at + LENGTH_BYTES]!;
  const isPacked = (head & 1) === 1;
  // A packed group has eight values, the first in the lowest bits: what follows it is padding of zeros.
  const value = body[at + LENGTH_BYTES + 1]!;
  if (head > 127 || (isPacked && value > MOST_DEFINITION)) throw unknownForm();
  return value;
}

/** The depth of a list of structs with a map; three bits. */
const MOST_DEFINITION = 7;
/** The index takes one bit. */
const INDEX_BITS = 1;

function stretch({ meta, isRepeated, definition, value }: Leaf, rows: number): MadeChunk {
  const isBoolean = integer(meta, META.type) === BOOLEAN;
  const hasDictionary = value !== undefined && !isBoolean;
  const statistics = meta.fields[META.statistics] as ThriftStruct | undefined;
  const levels = [
    ...(isRepeated ? [repeated(0, rows)] : []),
    ...(definition === undefined ? [] : [repeated(definition, rows)]),
  ];
  const values = hasDictionary
    ? [Buffer.of(INDEX_BITS), repeated(0, rows)]
    : value === undefined
      ? []
      : [bitsOf(value[0]! & 1, rows)];
  return madeChunk(meta, {
    pages: [{ rows, levels, values }],
    ...(hasDictionary ? { dictionary: { count: 1, body: value } } : {}),
    statistics: statistics && statisticsOf(statistics, rows),
  });
}

function statisticsOf(ofRow: ThriftStruct, rows: number): ThriftStruct {
  const nulls = integer(ofRow, STATISTICS.nullCount);
  return nulls === undefined ? ofRow : withFields(ofRow, { [STATISTICS.nullCount]: i64(nulls * rows) });
}

function bitsOf(bit: number, rows: number): Buffer {
  return Buffer.alloc((rows + 7) >> 3, bit === 1 ? 0xff : 0);
}

function unknownForm(): OpenWitError {
  return new OpenWitError('internal', 'INTERNAL', 'a file of one row is of an unknown form');
}

import { appendFileSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { BuiltIndex, CodedColumn, IndexBuild, IndexedColumn, IndexedRows, TextColumn } from '@openwit/ports';
import { type FieldOptions, type FinishedIndex, IndexWriter, isAvailable } from '@openwit/tantivy-node';
import { encodeEnd, type StoredValue, type ValueSection, valueField } from './index-format.ts';
import { ValueColumn, type ValueRows } from './value-column.ts';

/** With more of them in the first rows, values are looked up by Tantivy's index. */
const FEW_VALUES = 256;

/** Where a column goes. */
interface Route {
  readonly column: IndexedColumn;
  /** Into Tantivy's index. */
  readonly field?: FieldOptions;
  readonly values?: ValueColumn;
}

/** The index of one file, while it is built. */
export class IndexFileBuild implements IndexBuild {
  readonly #path: string;
  readonly #columns: readonly IndexedColumn[];
  readonly #hasTantivy: boolean;
  #routes: readonly Route[] | undefined;
  #writer: IndexWriter | undefined;
  #rows = 0;

  /** @param hasTantivy whether words and ids can be indexed */
  constructor(path: string, columns: readonly IndexedColumn[], hasTantivy: boolean = isAvailable()) {
    this.#path = path;
    this.#columns = columns;
    this.#hasTantivy = hasTantivy;
  }

  async add(rows: number, columns: readonly IndexedRows[]): Promise<void> {
    const routes = (this.#routes ??= this.#begin(columns));
    const texts = routes.flatMap(({ field }, i) => (field === undefined ? [] : expanded(columns[i]!)));
    const added = this.#writer?.add(rows, texts);
    for (const [i, { values }] of routes.entries()) values?.add(rows, columns[i]!);
    this.#rows += rows;
    await added;
  }

  async finish(): Promise<BuiltIndex | undefined> {
    const routes = (this.#routes ?? []).filter(({ field, values }) => field !== undefined || values !== undefined);
    if (routes.length === 0) return undefined;
    const sections = new Sections();
    const values = routes.flatMap(({ column: { name }, values: made }) =>
      made === undefined ? [] : [sections.values(name, made.finish())],
    );
    const written = (await this.#writer?.finish(sections.bytes())) ?? writeNew(this.#path, sections.bytes());
    const textBytes = this.#writer === undefined ? 0 : written.bytes;
    const fields = routes.flatMap(({ column, field }) => (field === undefined ? [] : [{ column, field }]));
    const end = encodeEnd({
      rows: this.#rows,
      textBytes,
      texts: fields.flatMap(({ column: { name, use }, field: { analyser } }) =>
        use === 'text' ? [{ name, analyser }] : [],
      ),
      lookups: fields.flatMap(({ column: { name, use } }) => (use === 'text' ? [] : [name])),
      values,
      valuesAt: written.addedAt,
    });
    appendFileSync(this.#path, end);
    return {
      sizeBytes: written.bytes + end.length,
      endBytes: written.endBytes + end.length,
      columns: [...new Set(routes.map(({ column: { name } }) => name))],
    };
  }

  discard(): void {
    // Tantivy's writer ends with its last reference.
    this.#writer = undefined;
  }

  /** The first rows show which columns have few values. */
  #begin(rows: readonly IndexedRows[]): Route[] {
    const routes = this.#columns.map((column, i) => routeOf(column, rows[i]!, this.#hasTantivy));
    const fields = routes.flatMap(({ field }) => field ?? []);
    if (fields.length > 0) this.#writer = new IndexWriter(this.#path, { fields });
    return routes;
  }
}

function routeOf(column: IndexedColumn, rows: IndexedRows, hasTantivy: boolean): Route {
  const { name, use, analyser = 'log' } = column;
  if (use === 'text') return { column, ...(hasTantivy && { field: { name, analyser } }) };
  const hasFewValues = use === 'value' && 'codes' in rows && rows.values.offsets.length <= FEW_VALUES;
  // What is in hardly any row twice is found by Tantivy's index as quickly as it is missed by a filter.
  const values = use === 'id' && hasTantivy ? undefined : new ValueColumn(hasFewValues);
  const field = { name: valueField(name), analyser: 'raw' } as const;
  return { column, ...(hasTantivy && !hasFewValues && { field }), ...(values && { values }) };
}

/** Each row with its text. */
function expanded(column: IndexedRows): TextColumn {
  if (!('codes' in column)) return column;
  const { codes, values } = column;
  const offsets = new Int32Array(codes.length + 1);
  const validity = new Uint8Array((codes.length + 7) >> 3);
  const length = placeTexts(column, offsets, validity);
  const data = new Uint8Array(length);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (code >= 0) data.set(values.data.subarray(values.offsets[code]!, values.offsets[code + 1]!), offsets[i]!);
  }
  return { data, offsets, validity };
}

function placeTexts({ codes, values }: CodedColumn, offsets: Int32Array, validity: Uint8Array): number {
  let length = 0;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (code >= 0) {
      validity[i >> 3]! |= 1 << (i & 7);
      length += values.offsets[code + 1]! - values.offsets[code]!;
    }
    offsets[i + 1] = length;
  }
  return length;
}

/** The bitmaps and filters of an index, one after the other. */
class Sections {
  readonly #parts: Uint8Array[] = [];
  #at = 0;

  values(name: string, made: readonly ValueRows[] | Uint8Array): ValueSection {
    if (made instanceof Uint8Array) return { name, filter: this.#add(made) };
    const stored = made.map(({ value, rows, bitmap }): StoredValue => {
      const { at, bytes, crc } = this.#add(bitmap);
      return [value, rows, at, bytes, crc];
    });
    return { name, values: this.#add(Buffer.from(JSON.stringify(stored))) };
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  #add(part: Uint8Array) {
    const at = this.#at;
    this.#parts.push(part);
    this.#at += part.length;
    return { at, bytes: part.length, crc: crc32(part) };
  }
}

/** A file of values alone. */
function writeNew(path: string, values: Uint8Array): FinishedIndex {
  writeFileSync(path, values, { flag: 'wx' });
  return { bytes: values.length, addedAt: 0, endBytes: 0 };
}

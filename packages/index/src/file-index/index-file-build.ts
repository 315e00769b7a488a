import { closeSync, openSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import {
  type CodedColumn,
  type FileIndex,
  type IndexBuild,
  type IndexedColumn,
  type IndexedRows,
  OpenWitError,
  type TextColumn,
} from '@openwit/ports';
import { type FieldOptions, IndexWriter, isAvailable } from '@openwit/tantivy-node';
import { encodeEnd, type IndexDirectory, type StoredValue, type ValueSection, valueField } from './index-format.ts';
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

  async finish(): Promise<Pick<FileIndex, 'sizeBytes' | 'columns'> | undefined> {
    const routes = (this.#routes ?? []).filter(({ field, values }) => field !== undefined || values !== undefined);
    if (routes.length === 0) return undefined;
    const textBytes = (await this.#writer?.finish()) ?? 0;
    const end = new Sections(this.#path, textBytes);
    try {
      const values = routes.flatMap(({ column: { name }, values }) =>
        values === undefined ? [] : [end.writeValues(name, values.finish())],
      );
      const fields = routes.flatMap(({ column, field }) => (field === undefined ? [] : [{ column, field }]));
      const sizeBytes = end.finish({
        rows: this.#rows,
        textBytes,
        texts: fields.flatMap(({ column: { name, use }, field: { analyser } }) =>
          use === 'text' ? [{ name, analyser }] : [],
        ),
        lookups: fields.flatMap(({ column: { name, use } }) => (use === 'text' ? [] : [name])),
        values,
      });
      return { sizeBytes, columns: [...new Set(routes.map(({ column: { name } }) => name))] };
    } finally {
      end.close();
    }
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

/** What follows Tantivy's index in the file. */
class Sections {
  readonly #fd: number;
  #at: number;

  /** @param at where they begin: the file has so many bytes, or is not there yet */
  constructor(path: string, at: number) {
    this.#fd = openSync(path, at === 0 ? 'wx' : 'r+');
    this.#at = at;
  }

  writeValues(name: string, made: readonly ValueRows[] | Uint8Array): ValueSection {
    if (made instanceof Uint8Array) return { name, filter: this.#write(made) };
    const stored = made.map(({ value, rows, bitmap }): StoredValue => {
      const { at, bytes, crc } = this.#write(bitmap);
      return [value, rows, at, bytes, crc];
    });
    return { name, values: this.#write(Buffer.from(JSON.stringify(stored))) };
  }

  /** @returns the size of the file */
  finish(directory: IndexDirectory): number {
    this.#write(encodeEnd(directory));
    return this.#at;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #write(bytes: Uint8Array) {
    const at = this.#at;
    for (let written = 0; written < bytes.length; ) {
      const count = writeSync(this.#fd, bytes, written, bytes.length - written, at + written);
      if (count === 0) throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', 'an index cannot be written');
      written += count;
    }
    this.#at += bytes.length;
    return { at, bytes: bytes.length, crc: crc32(bytes) };
  }
}

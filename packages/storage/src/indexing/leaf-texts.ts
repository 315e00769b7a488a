import type { CodedColumn, IndexedRows, TextColumn } from '@openwit/ports';
import type { LeafFile } from '../leaves/leaf-file.ts';
import type { Leaf } from '../leaves/leaf-schema.ts';
import type { LeafPage, PlainValues } from '../leaves/leaf-values.ts';
import { UnknownForm } from '../leaves/unknown-form.ts';
import { TextStore } from '../leaves/value-store.ts';
import { Scratch } from '../parquet/scratch.ts';

/** Stands between the texts of a list, so that no word goes over from one to the next. */
const SEPARATOR = 0x1f;
const NULL_CODE = -1;

/** One leaf of a file as texts, a row group at a time. */
export class LeafTexts {
  readonly #file: LeafFile;
  readonly #index: number;
  readonly #leaf: Leaf;
  readonly #memory = new Scratch();

  /** @param leaf its place among the file's leaves */
  constructor(file: LeafFile, leaf: number) {
    this.#file = file;
    this.#index = leaf;
    this.#leaf = file.leaves[leaf]!;
  }

  /** Valid until the next row group is read. @throws UnknownForm */
  of({ firstRow, rows }: { readonly firstRow: number; readonly rows: number }): IndexedRows {
    const span = { from: firstRow, to: firstRow + rows };
    const pages = [...this.#file.pages(this.#index, [span], this.#memory)].flat();
    if (this.#leaf.maxRepetition > 0) return joinedTexts(this.#leaf, pages, rows);
    if (this.#leaf.kind !== 'text' || pages.some(({ values }) => values.kind === 'indexed')) {
      return codedTexts(this.#leaf, pages, rows);
    }
    return plainTexts(pages, rows);
  }
}

/** Values that come again and again are told by their number. */
function codedTexts(leaf: Leaf, pages: readonly LeafPage[], rows: number): CodedColumn {
  const store = new TextStore();
  const codes = new Int32Array(rows).fill(NULL_CODE);
  let at = 0;
  for (const page of pages) {
    const { values } = page;
    const first = store.length;
    const different = values.kind === 'indexed' ? values.dictionary : values;
    appendTexts(leaf, different, store);
    const codeOf = (value: number) =>
      first + (values.kind !== 'indexed' ? value : (values.indices?.[value] ?? values.index));
    setCodes(page, codes, at, codeOf);
    at += page.rows;
  }
  return { values: textColumn(store), codes };
}

function setCodes(page: LeafPage, codes: Int32Array, start: number, codeOf: (value: number) => number): void {
  const { rows, values, levels } = page;
  if (levels === undefined) {
    if (values.length > 0) for (let i = 0; i < rows; i++) codes[start + i] = codeOf(i);
    return;
  }
  const { valueAt } = levels;
  for (let i = 0; i < rows; i++) if (valueAt[i + 1]! > valueAt[i]!) codes[start + i] = codeOf(valueAt[i]!);
}

function appendTexts({ kind }: Leaf, values: PlainValues, store: TextStore): void {
  if (values.kind === 'text') store.append(values, 0, values.length);
  else if (kind === 'boolean')
    for (let i = 0; i < values.length; i++) appendText(store, values.words[i] === 0 ? 'false' : 'true');
  else if (kind === 'int32') for (let i = 0; i < values.length; i++) appendText(store, String(values.words[i]));
  else if (kind === 'int64') {
    const numbers = new BigInt64Array(Int32Array.from(values.words.subarray(0, 2 * values.length)).buffer);
    for (const number of numbers) appendText(store, String(number));
  } else if (values.length > 0) throw new UnknownForm(`a column of ${kind} as text`);
}

function appendText(store: TextStore, text: string): void {
  const bytes = Buffer.from(text);
  store.append({ kind: 'text', length: 1, bytes, offsets: Int32Array.of(0, bytes.length) }, 0, 1);
}

/** Every value for itself. */
function plainTexts(pages: readonly LeafPage[], rows: number): TextColumn {
  const [page] = pages;
  if (pages.length === 1 && page!.levels === undefined && page!.values.kind === 'text') {
    return { data: page!.values.bytes, offsets: page!.values.offsets };
  }
  const store = new TextStore();
  const offsets = new Int32Array(rows + 1);
  const validity = new Uint8Array((rows + 7) >> 3);
  let row = 0;
  for (const { rows: count, values, levels } of pages) {
    const first = store.length;
    if (values.kind === 'text') store.append(values, 0, values.length);
    const { offsets: ends } = store.values();
    for (let i = 0; i < count; i++, row++) {
      const end = levels === undefined ? Math.min(i + 1, values.length) : levels.valueAt[i + 1]!;
      const isThere = levels === undefined ? values.length > 0 : end > levels.valueAt[i]!;
      if (isThere) validity[row >> 3]! |= 1 << (row & 7);
      offsets[row + 1] = ends[first + end]!;
    }
  }
  return { data: store.values().bytes, offsets, validity };
}

/** The texts of each row's list as one, in their order. */
function joinedTexts({ kind }: Leaf, pages: readonly LeafPage[], rows: number): TextColumn {
  if (kind !== 'text') throw new UnknownForm(`a list of ${kind} as text`);
  const parts: Uint8Array[] = [];
  const offsets = new Int32Array(rows + 1);
  const separator = Uint8Array.of(SEPARATOR);
  let row = 0;
  let length = 0;
  for (const { rows: count, values, levels } of pages) {
    const texts = values.kind === 'indexed' ? values.dictionary : values;
    for (let i = 0; i < count; i++, row++) {
      const [from, to] = levels === undefined ? [i, Math.min(i + 1, values.length)] : levels.valueAt.subarray(i, i + 2);
      for (let value = from!; value < to! && texts.kind === 'text'; value++) {
        const place = values.kind === 'indexed' ? (values.indices?.[value] ?? values.index) : value;
        const text = texts.bytes.subarray(texts.offsets[place]!, texts.offsets[place + 1]!);
        parts.push(text, separator);
        length += text.length + 1;
      }
      offsets[row + 1] = length;
    }
  }
  return { data: Buffer.concat(parts), offsets };
}

function textColumn(store: TextStore): TextColumn {
  const { bytes, offsets, length } = store.values();
  return { data: bytes, offsets: offsets.subarray(0, length + 1) };
}

import { ColumnLevels, type WrittenLevels } from './column-levels.ts';
import { type Leaf, wordsOf } from './leaf-schema.ts';
import type { LeafPage, LeafValues, PlainValues } from './leaf-values.ts';
import { enlarged, gatherWords, type Runs } from './row-runs.ts';
import type { ValueDictionary } from './value-dictionary.ts';
import { appendValues, FixedStore, TextStore, type ValueStore } from './value-store.ts';

/** A piece that has more new values than this is not worth a dictionary. */
const MOST_NEW = 4096;
/** So many values are looked up before their number is looked at. */
const STEP = 256;
/** Of texts that are looked up at a time. */
const MOST_TEXT_BYTES = 1024 * 1024;

/**
 * The rows of one leaf that become a few row groups, in the order in which they were read. One is used for one leaf after the
 * other: its memory stays.
 */
export class PieceColumn {
  readonly #levels: ColumnLevels;
  readonly #stores: { readonly text: TextStore; readonly 1: FixedStore; readonly 2: FixedStore };
  #store: ValueStore;
  #ids: Int32Array = new Int32Array(STEP);
  #count = 0;
  #dictionary: ValueDictionary | undefined;
  #known = 0;
  /** True when the dictionary was given up for its many values. */
  hasTooMany = false;

  constructor(leaf: Leaf, mostTextBytes: number) {
    this.#levels = new ColumnLevels(leaf);
    this.#stores = { text: new TextStore(mostTextBytes), 1: new FixedStore(1), 2: new FixedStore(2) };
    this.#store = this.#stores.text;
  }

  /** Forgets everything. @param dictionary gets the values, where the leaf may have one */
  begin(leaf: Leaf, dictionary: ValueDictionary | undefined): void {
    this.#levels.reset(leaf);
    this.#store = this.#stores[leaf.kind === 'text' ? 'text' : wordsOf(leaf)];
    this.#store.reset();
    this.#count = 0;
    this.#dictionary = dictionary;
    this.#known = dictionary?.length ?? 0;
    this.hasTooMany = false;
  }

  /** @param from a row by its place in the page, inclusive @param to exclusive */
  append(page: LeafPage, from: number, to: number): void {
    const values = this.#levels.append(page, from, to);
    this.#append(page.values, values.from, values.to);
  }

  get rows(): number {
    return this.#levels.rows;
  }

  /** Of each value its number in the dictionary; undefined where there is none, or too many values for it. */
  get ids(): Int32Array | undefined {
    return this.#dictionary === undefined ? undefined : this.#ids;
  }

  /** The values, where there are no ids. */
  values(): PlainValues {
    return this.#store.values();
  }

  levels(rows: Runs): WrittenLevels {
    return this.#levels.write(rows);
  }

  #append(values: LeafValues, from: number, to: number): void {
    for (let at = from; at < to; ) {
      const dictionary = this.#dictionary;
      if (dictionary === undefined) {
        appendValues(this.#store, values, at, to);
        return;
      }
      const isOne = values.kind === 'indexed' && values.indices === undefined;
      const end = isOne ? to : Math.min(to, at + STEP);
      if (dictionary.length - this.#known > MOST_NEW || isLong(values, at, end)) {
        this.#spell(dictionary);
        continue;
      }
      this.#appendIds(dictionary, values, at, end);
      at = end;
    }
  }

  #appendIds(dictionary: ValueDictionary, values: LeafValues, from: number, to: number): void {
    const start = this.#count;
    this.#count += to - from;
    if (this.#count > this.#ids.length) this.#ids = enlarged(this.#ids, start, this.#count);
    if (values.kind !== 'indexed') {
      dictionary.intern(values, from, to, this.#ids, start);
      return;
    }
    const known = dictionary.idsOf(values.dictionary);
    if (values.indices === undefined) this.#ids.fill(known[values.index]!, start, this.#count);
    else gatherWords(known, values.indices, from, to, this.#ids, start);
  }

  /** What was only numbered is written down. */
  #spell(dictionary: ValueDictionary): void {
    this.#store.gather(dictionary.values(), this.#ids, 0, this.#count);
    this.#dictionary = undefined;
    this.hasTooMany = true;
  }
}

/** Long texts are not worth a dictionary. */
function isLong(values: LeafValues, from: number, to: number): boolean {
  const [texts, start, end] =
    values.kind === 'indexed' ? [values.dictionary, 0, values.dictionary.length] : [values, from, to];
  return texts.kind === 'text' && texts.offsets[end]! - texts.offsets[start]! > MOST_TEXT_BYTES;
}

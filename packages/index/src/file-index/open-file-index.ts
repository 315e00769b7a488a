import type { FoundRows, IndexCondition, IndexRange } from '@openwit/ports';
import { IndexReader, isAvailable, type Query } from '@openwit/tantivy-node';
import { CHUNK_BYTES, chunkOf, mayHold } from './bloom-filter.ts';
import { ByteSource } from './byte-source.ts';
import {
  checkSection,
  DamagedIndex,
  directoryAt,
  type IndexDirectory,
  rangeOf,
  type StoredValue,
  TRAILER_BYTES,
  type ValueSection,
  valueField,
} from './index-format.ts';
import { narrowed } from './narrowing.ts';
import { intersection, union } from './row-sets.ts';
import { rowsIn } from './value-column.ts';
import { hashOf } from './value-hash.ts';

/** With more values than this a condition is better met by reading. */
const MOST_WANTED = 1000;

type Equals = Extract<IndexCondition, { kind: 'equals' }>;
/** Rows that are told, whatever was asked. */
type Told = Required<FoundRows>;

/** The index of a file, open. What is read of its values stays in memory. */
export class OpenFileIndex {
  readonly #path: string;
  readonly #present: readonly IndexRange[] | undefined;
  readonly #directory: IndexDirectory;
  readonly #values: ReadonlyMap<string, ValueSection>;
  readonly #analysers: ReadonlyMap<string, string>;
  readonly #lookups: ReadonlySet<string>;
  readonly #stored = new Map<string, ReadonlyMap<string, StoredValue>>();
  #reader: Promise<IndexReader> | undefined;

  /** @throws DamagedIndex; BytesMissing; the file system's error */
  static open(path: string, present: readonly IndexRange[] | undefined): OpenFileIndex {
    const source = new ByteSource(path, present);
    try {
      return new OpenFileIndex(path, present, readDirectory(source));
    } finally {
      source.close();
    }
  }

  private constructor(path: string, present: readonly IndexRange[] | undefined, directory: IndexDirectory) {
    this.#path = path;
    this.#present = present;
    this.#directory = directory;
    this.#values = new Map(directory.values.map((section) => [section.name, section]));
    this.#analysers = new Map(directory.texts.map(({ name, analyser }) => [name, analyser]));
    this.#lookups = new Set(directory.lookups);
  }

  /** @throws DamagedIndex; BytesMissing; TantivyError; the file system's error */
  async search(
    conditions: readonly IndexCondition[],
    isCount: boolean,
    signal: AbortSignal,
  ): Promise<FoundRows | undefined> {
    const [only] = conditions as [IndexCondition];
    const counted = isCount && conditions.length === 1 ? await this.#count(only, signal) : undefined;
    return counted ?? this.#search(conditions, signal);
  }

  /** Of one condition, when it is known without the rows. */
  async #count(condition: IndexCondition, signal: AbortSignal): Promise<FoundRows | undefined> {
    const values = condition.kind === 'equals' ? this.#values.get(condition.column)?.values : undefined;
    if (values !== undefined) {
      const source = new ByteSource(this.#path, this.#present);
      try {
        const wanted = this.#wanted(source, condition as Equals);
        return { count: wanted.reduce((sum, [, rows]) => sum + rows, 0), isExact: true, by: 'values' };
      } finally {
        source.close();
      }
    }
    const part = this.#textQuery(condition);
    if (part?.isSame !== true) return undefined;
    const count = await (await this.#openReader()).count(part.query, signal);
    return count === undefined ? undefined : { count, isExact: true, by: 'text' };
  }

  async #search(conditions: readonly IndexCondition[], signal: AbortSignal): Promise<Told | undefined> {
    const queries: { readonly query: Query; readonly isSame: boolean }[] = [];
    let found: Told | undefined;
    let isExact = true;
    const source = new ByteSource(this.#path, this.#present);
    try {
      for (const condition of conditions) {
        const known = this.#byValues(source, condition);
        if (known !== undefined) {
          found = found === undefined ? known : both(found, known);
          if (found.count === 0) return found;
          continue;
        }
        const part = this.#textQuery(condition);
        if (part === undefined) isExact = false;
        else queries.push(part);
      }
    } finally {
      source.close();
    }
    if (queries.length > 0) {
      const byText = await this.#byText(queries, signal);
      found = found === undefined ? byText : both(found, byText);
    }
    return found && { ...found, isExact: found.isExact && isExact };
  }

  /** By what is known of a column's values; undefined when nothing is. */
  #byValues(source: ByteSource, condition: IndexCondition): Told | undefined {
    if (condition.kind === 'match') return undefined;
    const section = this.#values.get(condition.column);
    if (section?.values !== undefined) {
      const rows = union(this.#wanted(source, condition).map((value) => this.#readRows(source, value)));
      return told(rows, true, 'values');
    }
    if (section?.filter === undefined || condition.kind !== 'equals') return undefined;
    return this.#mayHold(source, section.filter, condition) ? undefined : told(new Uint32Array(0), true, 'filter');
  }

  /** The values that a condition means. */
  #wanted(source: ByteSource, condition: Exclude<IndexCondition, { kind: 'match' }>): StoredValue[] {
    const stored = this.#storedValues(source, this.#values.get(condition.column)!);
    if (condition.kind === 'contains') return [...stored.values()].filter(([value]) => value.includes(condition.text));
    const entries = condition.values.map((value) => stored.get(value)).filter((entry) => entry !== undefined);
    return [...new Set(entries)];
  }

  #storedValues(source: ByteSource, { name, values }: ValueSection): ReadonlyMap<string, StoredValue> {
    let stored = this.#stored.get(name);
    if (stored === undefined) {
      const json = checkSection(source.read(rangeOf(values!, this.#directory.valuesAt)), values!);
      const entries = JSON.parse(Buffer.from(json).toString()) as StoredValue[];
      this.#stored.set(name, (stored = new Map(entries.map((entry) => [entry[0], entry]))));
    }
    return stored;
  }

  #readRows(source: ByteSource, [, , at, bytes, crc]: StoredValue): Uint32Array {
    const section = { at, bytes, crc };
    return rowsIn(checkSection(source.read(rangeOf(section, this.#directory.valuesAt)), section));
  }

  #mayHold(source: ByteSource, { at, bytes }: { at: number; bytes: number }, { values }: Equals): boolean {
    if (values.length > MOST_WANTED) return true;
    return values.some((value) => {
      const text = Buffer.from(value);
      const hash = hashOf(text, 0, text.length);
      const start = this.#directory.valuesAt + at + CHUNK_BYTES * chunkOf(hash, bytes);
      const held = mayHold(source.read([start, start + CHUNK_BYTES]), hash, bytes);
      if (held === undefined) throw new DamagedIndex(`a filter of the index is damaged, at=${start}`);
      return held;
    });
  }

  #textQuery(condition: IndexCondition): { readonly query: Query; readonly isSame: boolean } | undefined {
    if (this.#directory.textBytes === 0 || !isAvailable()) return undefined;
    switch (condition.kind) {
      case 'match': {
        const { fields, analysers, query } = condition.search;
        return narrowed(query as Query, (field) => {
          const i = fields.indexOf(field);
          const column = condition.columns[i];
          return column !== undefined && this.#analysers.get(column) === analysers[i] ? column : undefined;
        });
      }
      case 'contains': {
        const { column, text } = condition;
        if (!this.#analysers.has(column)) return undefined;
        return { query: { kind: 'contains', field: column, text }, isSame: true };
      }
      case 'equals': {
        const { column, values } = condition;
        // There is no term for the empty text.
        if (!this.#lookups.has(column) || values.length > MOST_WANTED || values.includes('')) return undefined;
        const field = valueField(column);
        const children = values.map((text): Query => ({ kind: 'text', field, text }));
        return { query: children.length === 1 ? children[0]! : { kind: 'or', children }, isSame: true };
      }
    }
  }

  #openReader(): Promise<IndexReader> {
    this.#reader ??= IndexReader.open(this.#path, {
      length: this.#directory.textBytes,
      ...(this.#present && { present: this.#present }),
    });
    return this.#reader;
  }

  async #byText(parts: readonly { query: Query; isSame: boolean }[], signal: AbortSignal): Promise<Told> {
    const reader = await this.#openReader();
    const [first, ...others] = parts.map(({ query }) => query);
    const query: Query = others.length === 0 ? first! : { kind: 'and', children: [first!, ...others] };
    const { sure, check } = await reader.search(query, signal);
    const isExact = check.length === 0 && parts.every(({ isSame }) => isSame);
    return told(check.length === 0 ? sure : union([sure, check]), isExact, 'text');
  }
}

function told(rows: Uint32Array, isExact: boolean, by: FoundRows['by']): Told {
  return { rows, count: rows.length, isExact, by };
}

/** Rows that are in both. */
function both(a: Told, b: Told): Told {
  return told(intersection(a.rows, b.rows), a.isExact && b.isExact, b.by);
}

/** @throws DamagedIndex; BytesMissing */
function readDirectory(source: ByteSource): IndexDirectory {
  const { sizeBytes } = source;
  if (sizeBytes < TRAILER_BYTES) throw new DamagedIndex('the file is too short for an index');
  const section = directoryAt(source.read([sizeBytes - TRAILER_BYTES, sizeBytes]), sizeBytes);
  const json = checkSection(source.read(rangeOf(section, 0)), section);
  return JSON.parse(Buffer.from(json).toString()) as IndexDirectory;
}

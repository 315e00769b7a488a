import { closeSync, fstatSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { OpenWitError } from '@openwit/ports';
import { ConstantColumns } from '../parquet/constant-columns.ts';
import type { PieceFile } from '../parquet/parquet-assembler.ts';
import type { StoredColumn } from '../parquet/stored-layout.ts';
import { type KeyRange, rangeCondition } from './key-ranges.ts';
import type { MergeDatabase } from './merge-database.ts';
import type { MergeSource } from './merge-source.ts';
import { type CopyStatistics, MergedStats } from './merged-stats.ts';
import { identifier, literal } from './sql-text.ts';

/** DuckDB holds a row group until it is full. */
const ROW_GROUP_ROWS = 20 * 1024;
/** A value of a column with more comes too seldom: hashing all costs more than it saves. */
const DICTIONARY_VALUES = 1000;
/** So that not every part that is a little larger than those before needs new memory. */
const GROWTH = 1.25;

export interface PieceParts {
  readonly database: MergeDatabase;
  readonly source: MergeSource;
  /** The output's columns. */
  readonly layout: readonly StoredColumn[];
  /** Those of them that have one value in all rows. */
  readonly constant: ReadonlySet<string>;
  readonly fieldIdOf: (column: StoredColumn) => number;
  readonly sortColumns: readonly string[];
  /** The rows of the output. */
  readonly where: string;
  readonly tempDir: string;
}

/**
 * @param piece not compressed; there until this returns
 * @param constants the columns that it leaves out
 */
type TakePiece = (piece: PieceFile, constants: readonly ConstantColumns[]) => void;

/** Columns as one row, with its statistics. */
interface ConstantRow {
  readonly names: ReadonlySet<string>;
  readonly columns: ConstantColumns;
  readonly statistics: CopyStatistics;
}

/**
 * Writes the rows of one range of the key after the other, sorted. Columns that have one value there are neither read nor
 * sorted nor written row by row.
 */
export class PieceWriter {
  readonly stats: MergedStats;
  readonly #parts: PieceParts;
  readonly #piecePath: string;
  readonly #reader = new FileReader();
  /** What is the same in all pieces. */
  #ofAll: ConstantRow | undefined;

  constructor(parts: PieceParts) {
    const { layout, fieldIdOf, tempDir } = parts;
    this.#parts = parts;
    this.#piecePath = join(tempDir, 'piece.parquet');
    this.stats = new MergedStats(
      layout.filter(({ children }) => children.length === 0),
      fieldIdOf,
    );
  }

  async write(range: KeyRange, take: TakePiece): Promise<void> {
    const { database, source, layout, constant, sortColumns, where } = this.#parts;
    const names = sortColumns.slice(0, -1);
    const fixed = textsOf(range, names).filter(([name]) => !constant.has(name));
    const alike = new Set([...constant, ...fixed.map(([name]) => name)]);
    const varying = new Set(layout.map(({ name }) => name).filter((name) => !alike.has(name)));
    const orderBy = sortColumns.filter((name) => varying.has(name)).map(identifier);
    const rows = source.select(varying, `${where} AND ${rangeCondition(range, names)}`);
    try {
      const constants: ConstantRow[] = [];
      if (constant.size > 0) {
        constants.push((this.#ofAll ??= await this.#row(constant, `${source.select(constant, where)} LIMIT 1`)));
      }
      if (fixed.length > 0) {
        const values = fixed.map(([name, text]) => `${literal(text)} AS ${identifier(name)}`);
        constants.push(await this.#row(new Set(fixed.map(([name]) => name)), `SELECT ${values.join(', ')}`));
      }
      const copied = await this.#copy(`FROM (${rows}) ORDER BY ${orderBy.join(', ')}`, varying, 'V2');
      this.stats.add(copied.statistics, copied.rows, varying);
      for (const row of constants) this.stats.add(row.statistics, 1, row.names, copied.rows);
      const sizeBytes = this.#reader.open(this.#piecePath, (piece) => {
        take(
          piece,
          constants.map(({ columns }) => columns),
        );
        return piece.sizeBytes;
      });
      await database.letGo(sizeBytes);
    } finally {
      rmSync(this.#piecePath, { force: true });
    }
  }

  async #row(names: ReadonlySet<string>, sql: string): Promise<ConstantRow> {
    const { statistics } = await this.#copy(sql, names, 'V1');
    return { names, statistics, columns: new ConstantColumns(readFileSync(this.#piecePath)) };
  }

  async #copy(rows: string, names: ReadonlySet<string>, version: 'V1' | 'V2') {
    const { database, layout, fieldIdOf } = this.#parts;
    const fieldIds = fieldIdsSql(
      layout.filter(({ name }) => names.has(name)),
      fieldIdOf,
    );
    const [copied] = await database.query(
      `COPY (${rows}) TO ${literal(this.#piecePath)} (FORMAT parquet, PARQUET_VERSION ${version}, COMPRESSION uncompressed,
       ROW_GROUP_SIZE ${ROW_GROUP_ROWS}, FIELD_IDS ${fieldIds}, DICTIONARY_SIZE_LIMIT ${DICTIONARY_VALUES}, USE_TMP_FILE false, RETURN_STATS)`,
    );
    return { rows: Number(copied![1]), statistics: copied![4] as CopyStatistics };
  }
}

/** The names that are the same in all of a range, with their texts. */
function textsOf({ first, last }: KeyRange, names: readonly string[]): [string, string][] {
  const differing = names.findIndex((_, i) => first[i] !== last[i]);
  const same = differing < 0 ? names : names.slice(0, differing);
  return same.map((name, i) => [name, first[i]!]);
}

/** `{"timestamp": 1, "events": {__duckdb_field_id: 20, "element": …}}` */
function fieldIdsSql(columns: readonly StoredColumn[], fieldIdOf: (column: StoredColumn) => number): string {
  const members = columns.map((column) => {
    const id = fieldIdOf(column);
    if (column.children.length === 0) return `${identifier(column.name)}: ${id}`;
    const inner = fieldIdsSql(column.children, fieldIdOf).slice(1);
    return `${identifier(column.name)}: {__duckdb_field_id: ${id}, ${inner}`;
  });
  return `{${members.join(', ')}}`;
}

/** Files, one after the other, the parts of all of them in the same memory. */
class FileReader {
  #bytes = Buffer.alloc(0);

  open<T>(path: string, use: (file: PieceFile) => T): T {
    const file = openSync(path, 'r');
    try {
      return use({ sizeBytes: fstatSync(file).size, read: (start, end) => this.#read(file, start, end) });
    } finally {
      closeSync(file);
    }
  }

  #read(file: number, start: number, end: number): Uint8Array {
    const size = end - start;
    if (size > this.#bytes.length) this.#bytes = Buffer.alloc(Math.ceil(size * GROWTH));
    for (let at = 0; at < size; ) {
      const count = readSync(file, this.#bytes, at, size - at, start + at);
      if (count === 0) throw new OpenWitError('internal', 'INTERNAL', 'a piece became shorter while it was read');
      at += count;
    }
    return this.#bytes.subarray(0, size);
  }
}

import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OpenWitError } from '@openwit/ports';
import { unfinishedName } from '../file-paths.ts';
import { ParquetAssembler } from '../parquet/parquet-assembler.ts';
import { SORT_COLUMNS } from '../parquet/sort-order.ts';
import {
  attributeColumnPath,
  type StoredColumn,
  storedAttributeColumn,
  storedColumns,
} from '../parquet/stored-layout.ts';
import { chooseAttributeColumns } from './attribute-moves.ts';
import { type KeyCensus, type KeyRange, keyRanges, rangeCondition } from './key-ranges.ts';
import { isOutOfMemory, MergeDatabase } from './merge-database.ts';
import type { MergedFile, MergeOutput, MergeRequest, MergeSettings } from './merge-request.ts';
import { MergeSource } from './merge-source.ts';
import { type CopyStatistics, MergedStats } from './merged-stats.ts';
import { identifier, literal, readParquet, timestampLiteral } from './sql-text.ts';

/** Rows of a piece: DuckDB sorts one in memory, and the more there are, the less often is each input opened. */
const MOST_ROWS = 40 * 1024;
const LEAST_ROWS = 2 * 1024;
/** DuckDB holds a row group until it is full. */
const ROW_GROUP_ROWS = 20 * 1024;
/** What a value takes in DuckDB's memory beside its bytes. */
const VALUE_BYTES = 16;
/** A piece is in the sort, then in the writer, while its inputs' pages are there too. */
const COPIES = 2;
/** So that not every piece that is a little larger than those before needs new memory. */
const GROWTH = 1.25;

/**
 * Merges files, sorted by their key, into files sorted by it. The key is cut into ranges; DuckDB sorts one after the other
 * into a file of its own, a *piece*, and the pieces' row groups become the file: so memory does not grow with the files.
 * @returns the files that got rows
 * @throws closed / CLOSED when it was stopped
 */
export async function mergeFiles(
  request: MergeRequest,
  settings: MergeSettings,
  isStopped: () => boolean,
): Promise<MergedFile[]> {
  mkdirSync(settings.tempDir, { recursive: true });
  const database = await MergeDatabase.open(settings, isStopped);
  const made: MergedFile[] = [];
  try {
    await keepWithoutRows(request, database);
    let maxRows = await rowsOfPiece(request, settings, database);
    for (const output of request.outputs) {
      for (;;) {
        try {
          const file = await new Merge(request, output, settings, database).run(maxRows);
          if (file !== undefined) made.push(file);
          break;
        } catch (error) {
          if (!isOutOfMemory(error) || maxRows <= LEAST_ROWS) throw error;
          maxRows = Math.max(LEAST_ROWS, maxRows >> 1);
        }
      }
    }
    return made;
  } catch (error) {
    for (const { path } of request.outputs) rmSync(unfinishedName(path), { force: true });
    throw error;
  } finally {
    database.close();
  }
}

const WITHOUT = 'rows_to_leave_out';
const ROWS_A_STATEMENT = 10_000;

/** The numbers of rows that are left out, as a table. */
async function keepWithoutRows({ inputs }: MergeRequest, database: MergeDatabase): Promise<void> {
  const numbers = inputs.flatMap(({ withoutRows = [] }) => withoutRows);
  if (numbers.length === 0) return;
  await database.query(`CREATE TEMP TABLE ${WITHOUT}(number BIGINT)`);
  for (let i = 0; i < numbers.length; i += ROWS_A_STATEMENT) {
    const values = numbers.slice(i, i + ROWS_A_STATEMENT).map((number) => `(${number})`);
    await database.query(`INSERT INTO ${WITHOUT} VALUES ${values.join(', ')}`);
  }
}

/** As many as the memory is expected to take. */
async function rowsOfPiece(
  { inputs }: MergeRequest,
  { memoryLimitBytes, maxPieceRows = MOST_ROWS }: MergeSettings,
  database: MergeDatabase,
): Promise<number> {
  const paths = inputs.map(({ path }) => literal(path.replace(/[*?[]/g, '[$&]'))).join(', ');
  const [[bytes, values]] = (await database.query(
    `SELECT sum(total_uncompressed_size), sum(num_values) FROM parquet_metadata([${paths}])`,
  )) as [[bigint, bigint]];
  const rows = inputs.reduce((sum, input) => sum + input.rows, 0);
  const rowBytes = (Number(bytes) + VALUE_BYTES * Number(values)) / Math.max(1, rows);
  const fitting = Math.floor(memoryLimitBytes / COPIES / rowBytes);
  return Math.min(maxPieceRows, Math.max(LEAST_ROWS, fitting));
}

/** One output. */
class Merge {
  readonly #request: MergeRequest;
  readonly #output: MergeOutput;
  readonly #piecePath: string;
  readonly #database: MergeDatabase;
  readonly #names: readonly string[];
  readonly #buffer = new FileBuffer();

  constructor(request: MergeRequest, output: MergeOutput, { tempDir }: MergeSettings, database: MergeDatabase) {
    this.#request = request;
    this.#output = output;
    this.#piecePath = join(tempDir, 'piece.parquet');
    this.#database = database;
    this.#names = SORT_COLUMNS[request.table].slice(0, -1);
  }

  async run(maxRows: number): Promise<MergedFile | undefined> {
    const { inputs } = this.#request;
    const query = (sql: string) => this.#database.query(sql);
    const { fromNs, toNs } = this.#output;
    const isCut = inputs.some(({ withoutRows = [] }) => withoutRows.length > 0);
    const inHour = [
      `"timestamp" >= ${timestampLiteral(fromNs)} AND "timestamp" < ${timestampLiteral(toNs)}`,
      ...(isCut ? [`file_row_number NOT IN (SELECT number FROM ${WITHOUT})`] : []),
    ].join(' AND ');
    const rowsOfHour = `${readParquet(inputs.map(({ path }) => path))} WHERE ${inHour}`;
    const census = await keyRanges(rowsOfHour, this.#names, maxRows, query);
    if (census.rows === 0) return undefined;
    const columns = await chooseAttributeColumns(this.#request, inHour, census.rows, query);
    const source = new MergeSource(this.#request, columns);
    const layout = [...storedColumns(this.#request.table), ...columns.map(storedAttributeColumn)];
    const ids = new Map(this.#request.fieldIds);
    for (const { name, fieldId } of columns) ids.set(attributeColumnPath(name), fieldId);
    const fieldIdOf = ({ path }: StoredColumn) => ids.get(path)!;
    const stats = new MergedStats(
      layout.filter(({ children }) => children.length === 0),
      fieldIdOf,
    );
    const copyOptions = `FORMAT parquet, PARQUET_VERSION V2, COMPRESSION uncompressed, ROW_GROUP_SIZE ${ROW_GROUP_ROWS},
      FIELD_IDS ${fieldIdsSql(layout, fieldIdOf)}, USE_TMP_FILE false, RETURN_STATS`;
    const orderBy = SORT_COLUMNS[this.#request.table];
    const assembled = await this.#assemble(census.ranges, async (range) => {
      const rows = source.select(`${inHour} AND ${rangeCondition(range, this.#names)}`, orderBy);
      const [copied] = await query(`COPY (${rows}) TO ${literal(this.#piecePath)} (${copyOptions})`);
      stats.add(copied![4] as CopyStatistics, Number(copied![1]));
    });
    if (assembled.rows !== census.rows) {
      const message = `a merge has other rows than its inputs, wanted=${census.rows} got=${assembled.rows}`;
      throw new OpenWitError('internal', 'INTERNAL', message);
    }
    await this.#prove(layout, census);
    return {
      path: this.#output.path,
      ...assembled,
      minTimestampNs: census.minTimestampNs,
      maxTimestampNs: census.maxTimestampNs,
      attributeColumnIds: columns.map(({ fieldId }) => fieldId),
      emptyColumns: source.emptyColumns,
      columnStats: stats.finish(),
    };
  }

  /** The inputs will be removed: what replaces them has to be read once, by its columns' names, as a query does. */
  async #prove(layout: readonly StoredColumn[], wanted: KeyCensus): Promise<void> {
    const path = unfinishedName(this.#output.path);
    const columns = layout.map(({ name }) => identifier(name)).join(', ');
    const [read] = await this.#database.query(
      `SELECT count(*), epoch_ns(min("timestamp")), epoch_ns(max("timestamp"))
       FROM (SELECT ${columns} FROM ${readParquet([path])})`,
    );
    const { rows, minTimestampNs, maxTimestampNs } = wanted;
    if ([BigInt(rows), minTimestampNs, maxTimestampNs].some((value, i) => value !== read![i])) {
      const message = `a merged file is read with other rows than were written, path=\`${path}\``;
      throw new OpenWitError('internal', 'INTERNAL', message);
    }
  }

  async #assemble(ranges: readonly KeyRange[], writePiece: (range: KeyRange) => Promise<void>) {
    const path = unfinishedName(this.#output.path);
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(path, 'w');
    try {
      const assembler = new ParquetAssembler((bytes) => writeAll(file, bytes), SORT_COLUMNS[this.#request.table]);
      for (const range of ranges) {
        await writePiece(range);
        assembler.add(this.#buffer.read(this.#piecePath));
        rmSync(this.#piecePath);
      }
      return assembler.finish();
    } finally {
      closeSync(file);
      rmSync(this.#piecePath, { force: true });
    }
  }
}

/** Whole files, one after the other in the same memory. */
class FileBuffer {
  #bytes = Buffer.alloc(0);

  /** Valid until the next call. */
  read(path: string): Uint8Array {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      if (size > this.#bytes.length) this.#bytes = Buffer.alloc(Math.ceil(size * GROWTH));
      for (let at = 0; at < size; ) {
        const count = readSync(file, this.#bytes, at, size - at, at);
        if (count === 0) throw new OpenWitError('internal', 'INTERNAL', `a piece became shorter, path=\`${path}\``);
        at += count;
      }
      return this.#bytes.subarray(0, size);
    } finally {
      closeSync(file);
    }
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
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

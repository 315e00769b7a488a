import { OpenWitError } from '@openwit/ports';
import { type AssembledFile, ParquetAssembler } from '../parquet/parquet-assembler.ts';
import { SORT_COLUMNS } from '../parquet/sort-order.ts';
import type { StoredColumn } from '../parquet/stored-layout.ts';
import { chooseAttributeColumns } from './attribute-moves.ts';
import { InputFacts } from './input-facts.ts';
import { type KeyRange, keyRanges } from './key-ranges.ts';
import { isOutOfMemory, type MergeDatabase } from './merge-database.ts';
import type { MergedFile, MergeOutput, MergeRequest, MergeSettings } from './merge-request.ts';
import { MergeSource } from './merge-source.ts';
import { fieldIdsOf, layoutOf } from './merged-layout.ts';
import { writeMerged } from './merged-writes.ts';
import { PieceWriter } from './piece-writer.ts';
import { readParquet, timestampLiteral } from './sql-text.ts';

/** Rows of a piece: DuckDB sorts one in memory, and the more there are, the less often is each input opened. */
const MOST_ROWS = 180 * 1024;
/** The longest records have megabytes. */
const LEAST_ROWS = 1;
/** What a value takes in DuckDB's memory beside its bytes. */
const VALUE_BYTES = 16;
/** Of the memory; the rest is for what is read and written meanwhile. */
const SHARE_OF_SORT = 2 / 3;

/**
 * Merges files by DuckDB, whatever columns they have. The key is cut into ranges; DuckDB sorts one after the other into a file
 * of its own, a *piece*, and the pieces' row groups become the file: so memory does not grow with the files.
 * @returns the files that got rows
 * @throws closed / CLOSED when it was stopped
 */
export async function mergeBySql(
  request: MergeRequest,
  settings: MergeSettings,
  database: MergeDatabase,
): Promise<MergedFile[]> {
  const made: MergedFile[] = [];
  await keepWithoutRows(request, database);
  const facts = await InputFacts.read(request.inputs, (sql) => database.query(sql));
  let maxRows = rowsOfPiece(request, settings, facts);
  for (const output of request.outputs) {
    for (;;) {
      try {
        const file = await new Merge(request, output, settings, database, facts).run(maxRows);
        if (file !== undefined) made.push(file);
        break;
      } catch (error) {
        if (!isOutOfMemory(error) || maxRows <= LEAST_ROWS) throw error;
        maxRows = Math.max(LEAST_ROWS, maxRows >> 1);
      }
    }
  }
  return made;
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
function rowsOfPiece(
  { inputs }: MergeRequest,
  { memoryLimitBytes, maxPieceRows = MOST_ROWS }: MergeSettings,
  facts: InputFacts,
): number {
  const rows = inputs.reduce((sum, input) => sum + input.rows, 0);
  const rowBytes = facts.bytes(VALUE_BYTES) / Math.max(1, rows);
  const fitting = Math.floor((SHARE_OF_SORT * memoryLimitBytes) / rowBytes);
  return Math.min(maxPieceRows, Math.max(LEAST_ROWS, fitting));
}

/** One output. */
class Merge {
  readonly #request: MergeRequest;
  readonly #output: MergeOutput;
  readonly #tempDir: string;
  readonly #database: MergeDatabase;
  readonly #facts: InputFacts;

  constructor(
    request: MergeRequest,
    output: MergeOutput,
    { tempDir }: MergeSettings,
    database: MergeDatabase,
    facts: InputFacts,
  ) {
    this.#request = request;
    this.#output = output;
    this.#tempDir = tempDir;
    this.#database = database;
    this.#facts = facts;
  }

  async run(maxRows: number): Promise<MergedFile | undefined> {
    const { table, inputs } = this.#request;
    const query = (sql: string) => this.#database.query(sql);
    const sortColumns = SORT_COLUMNS[table];
    const where = this.#where();
    const rowsOfHour = `${readParquet(inputs.map(({ path }) => path))} WHERE ${where}`;
    const census = await keyRanges(rowsOfHour, sortColumns.slice(0, -1), maxRows, query);
    if (census.rows === 0) return undefined;
    const columns = await chooseAttributeColumns(this.#request, where, census.rows, query);
    const source = new MergeSource(this.#request, columns);
    const layout = layoutOf(table, columns);
    const constant = new Set([...source.emptyColumns, ...this.#facts.constant(layout)]);
    const parts = { database: this.#database, source, layout, constant, sortColumns, where, tempDir: this.#tempDir };
    const pieces = new PieceWriter({ ...parts, fieldIdOf: fieldIdsOf(this.#request, columns) });
    const assembled = await this.#assemble(layout, census.ranges, pieces);
    if (assembled.rows !== census.rows) {
      const message = `a merged file has other rows than were counted, wanted=${census.rows} got=${assembled.rows}`;
      throw new OpenWitError('internal', 'INTERNAL', message);
    }
    return {
      path: this.#output.path,
      ...assembled,
      minTimestampNs: census.minTimestampNs,
      maxTimestampNs: census.maxTimestampNs,
      attributeColumnIds: columns.map(({ fieldId }) => fieldId),
      emptyColumns: source.emptyColumns,
      columnStats: pieces.stats.finish(),
    };
  }

  #where(): string {
    const { fromNs, toNs } = this.#output;
    const isCut = this.#request.inputs.some(({ withoutRows = [] }) => withoutRows.length > 0);
    return [
      `"timestamp" >= ${timestampLiteral(fromNs)} AND "timestamp" < ${timestampLiteral(toNs)}`,
      ...(isCut ? [`file_row_number NOT IN (SELECT number FROM ${WITHOUT})`] : []),
    ].join(' AND ');
  }

  #assemble(layout: readonly StoredColumn[], ranges: readonly KeyRange[], pieces: PieceWriter): Promise<AssembledFile> {
    return writeMerged(this.#output, async (write) => {
      const assembler = new ParquetAssembler(write, {
        columns: layout.map(({ name }) => name),
        sortColumns: SORT_COLUMNS[this.#request.table],
      });
      for (const range of ranges) {
        await pieces.write(range, (piece, constants) => void assembler.add([piece], constants));
      }
      return assembler.finish();
    });
  }
}

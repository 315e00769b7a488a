import { type DuckDBConnection, type DuckDBDataChunk, DuckDBTableFunction, VARCHAR } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { TABLES } from '@openwit/ports';
import { MEMORY_FUNCTION } from '../sql/table-sql.ts';
import { chunkWriter } from './column-writer.ts';
import { logicalType } from './duckdb-types.ts';
import type { ScanPlan } from './scan-plan.ts';
import { Scratch } from './scratch.ts';
import { StringWriter } from './string-writer.ts';
import type { ChunkWriter, WriteContext } from './write-context.ts';

/** Rows that DuckDB takes at a time. */
const CHUNK_ROWS = 2048;

/** One execution of the function: where it stands, and the writers of the batch that it is in. */
interface Scan {
  readonly plan: ScanPlan;
  readonly wanted: readonly number[];
  batch: number;
  row: number;
  writers: readonly (ChunkWriter | undefined)[];
}

/**
 * The table function that reads batches in memory. Its argument names a plan in {@link plans}, so that a query can read
 * no other's rows. DuckDB calls it on the thread that owns the connection, one chunk a call; scans are independent.
 */
export class MemoryFunction {
  readonly plans: Map<string, ScanPlan> = new Map();
  readonly #context: WriteContext;

  constructor(stringsByLayout: boolean) {
    this.#context = { strings: new StringWriter(stringsByLayout), scratch: new Scratch() };
  }

  register(connection: DuckDBConnection): void {
    connection.registerTableFunction(
      DuckDBTableFunction.create({
        name: MEMORY_FUNCTION,
        parameterTypes: [VARCHAR],
        supportsProjectionPushdown: true,
        bindFunction: (info) => {
          const plan = this.plans.get(String(info.getParameter(0)));
          if (plan === undefined) {
            info.setError('there is no such scan');
            return;
          }
          for (const { name, index, read } of plan.columns) {
            info.addResultColumn(name, logicalType(plan.table, { index, part: read.part }));
          }
          info.setCardinality(
            plan.batches.reduce((rows, batch) => rows + batch.rows, 0),
            true,
          );
          info.setBindData(plan);
        },
        initFunction: (info) => {
          const plan = info.bindData as ScanPlan;
          info.setInitData({ plan, wanted: info.getColumnIndexes(), batch: -1, row: 0, writers: [] } satisfies Scan);
        },
        mainFunction: (info, output) => {
          this.#writeChunk(info.initData as Scan, output);
        },
      }),
    );
  }

  /** An empty chunk ends the scan. */
  #writeChunk(scan: Scan, output: DuckDBDataChunk): void {
    const { batches } = scan.plan;
    while (scan.batch < batches.length && (scan.batch < 0 || scan.row >= batches[scan.batch]!.rows))
      this.#nextBatch(scan);
    const count = scan.batch === batches.length ? 0 : Math.min(CHUNK_ROWS, batches[scan.batch]!.rows - scan.row);
    output.rowCount = count;
    if (count === 0) return;
    scan.writers.forEach((write, i) => {
      write?.(duckdb.data_chunk_get_vector(output.chunk, i), scan.row, count);
    });
    scan.row += count;
  }

  #nextBatch(scan: Scan): void {
    scan.batch++;
    scan.row = 0;
    const columns = scan.plan.batches[scan.batch]?.columns;
    if (columns === undefined) return;
    scan.writers = scan.wanted.map((index) => {
      const column = scan.plan.columns[index];
      if (column === undefined) return undefined; // count(*) asks for a column that is none
      const definition = TABLES[scan.plan.table][column.index]!;
      return chunkWriter(this.#context, definition, columns[column.index]!, column.read);
    });
  }
}

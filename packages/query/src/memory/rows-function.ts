import {
  BIGINT,
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  DuckDBTableFunction,
  DuckDBTimestampNanosecondsType,
  DuckDBTimestampNanosecondsValue,
  type DuckDBType,
  DuckDBUBigIntType,
  DuckDBUIntegerType,
  type DuckDBValue,
  listValue,
  mapValue,
  structValue,
} from '@duckdb/node-api';
import type { StoredValue } from '@openwit/ports';
import { ROWS_FUNCTION } from '../sql/table-sql.ts';

/** A column of rows that were read of a file. */
export interface RowsColumn {
  readonly name: string;
  readonly type: DuckDBType;
  /** A value a row. */
  readonly values: readonly StoredValue[];
}

/** As many rows as one chunk holds. */
export interface ReadRows {
  readonly count: number;
  /** One at least. */
  readonly columns: readonly RowsColumn[];
}

interface Scan {
  readonly rows: ReadRows;
  readonly wanted: readonly number[];
  isDone: boolean;
}

/** The table function that gives a few rows of a file. Its argument is the number of what was read. */
export class RowsFunction {
  readonly #rows = new Map<number, ReadRows>();
  #last = 0;

  register(connection: DuckDBConnection): void {
    connection.registerTableFunction(
      DuckDBTableFunction.create({
        name: ROWS_FUNCTION,
        parameterTypes: [BIGINT],
        supportsProjectionPushdown: true,
        bindFunction: (info) => {
          const rows = this.#rows.get(Number(info.getParameter(0)));
          if (rows === undefined) {
            info.setError('there are no such rows');
            return;
          }
          for (const { name, type } of rows.columns) info.addResultColumn(name, type);
          info.setCardinality(rows.count, true);
          info.setBindData(rows);
        },
        initFunction: (info) => {
          const rows = info.bindData as ReadRows;
          info.setInitData({ rows, wanted: info.getColumnIndexes(), isDone: false } satisfies Scan);
        },
        mainFunction: (info, output) => writeRows(info.initData as Scan, output),
      }),
    );
  }

  /** @returns their number */
  add(rows: ReadRows): number {
    this.#rows.set(++this.#last, rows);
    return this.#last;
  }

  remove(number: number): void {
    this.#rows.delete(number);
  }
}

/** An empty chunk ends the scan. */
function writeRows(scan: Scan, output: DuckDBDataChunk): void {
  output.rowCount = scan.isDone ? 0 : scan.rows.count;
  if (scan.isDone) return;
  scan.isDone = true;
  scan.wanted.forEach((index, i) => {
    const column = scan.rows.columns[index];
    // count(*) asks for a column that is none.
    if (column === undefined) return;
    output.setColumnValues(
      i,
      column.values.map((value) => duckDbValue(value, column.type)),
    );
  });
}

function duckDbValue(value: StoredValue, type: DuckDBType): DuckDBValue {
  if (value === null) return null;
  if (type instanceof DuckDBListType) {
    return listValue((value as readonly StoredValue[]).map((item) => duckDbValue(item, type.valueType)));
  }
  if (type instanceof DuckDBMapType) {
    const entries = [...(value as ReadonlyMap<string, StoredValue>)];
    return mapValue(entries.map(([key, part]) => ({ key, value: duckDbValue(part, type.valueType) })));
  }
  if (type instanceof DuckDBStructType) {
    const fields = value as Readonly<Record<string, StoredValue>>;
    const parts = type.entryNames.map((name, i) => [name, duckDbValue(fields[name]!, type.entryTypes[i]!)]);
    return structValue(Object.fromEntries(parts));
  }
  if (type instanceof DuckDBTimestampNanosecondsType) return new DuckDBTimestampNanosecondsValue(value as bigint);
  if (type instanceof DuckDBUBigIntType) return BigInt.asUintN(64, value as bigint);
  if (type instanceof DuckDBUIntegerType) return (value as number) >>> 0;
  return value as DuckDBValue;
}

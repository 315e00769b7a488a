import type { DuckDBType } from '@duckdb/node-api';
import type duckdb from '@duckdb/node-bindings';
import type { ColumnBuffers } from './column-buffers.ts';
import { FixedListReader, ListReader, MapReader, StructReader } from './nested-readers.ts';
import type { ResultType } from './result-type.ts';
import { BoolReader, DecimalReader, FixedReader } from './scalar-readers.ts';
import { EnumReader, PlainTextReader, TextReader, UuidReader } from './text-readers.ts';

/** Which rows of a vector are read: a range, or a list of them where a nested vector's are not in order. */
export class Rows {
  readonly start: number;
  readonly count: number;
  readonly indices: Int32Array | undefined;
  /** Behind the last row that is read. */
  readonly end: number;

  constructor(start: number, count: number, indices?: Int32Array) {
    this.start = start;
    this.count = count;
    this.indices = indices;
    this.end = indices === undefined ? start + count : indices.reduce((end, row) => Math.max(end, row + 1), 0);
  }

  at(i: number): number {
    return this.indices === undefined ? this.start + i : this.indices[i]!;
  }

  forEach(visit: (row: number) => void): void {
    for (let i = 0; i < this.count; i++) visit(this.at(i));
  }

  every(test: (row: number) => boolean): boolean {
    for (let i = 0; i < this.count; i++) if (!test(this.at(i))) return false;
    return true;
  }
}

/** Collects a column out of DuckDB's vectors, chunk by chunk. */
export interface VectorReader {
  append(vector: duckdb.Vector, rows: Rows): void;
  /** What was appended since the last time. */
  take(): ColumnBuffers;
  /** About the bytes that wait to be taken. */
  readonly bytes: number;
}

/** `stringsByLayout` is false when the layout of strings could not be proved; they are then read value by value. */
export function vectorReader(type: ResultType, duckDbType: DuckDBType, stringsByLayout: boolean): VectorReader {
  const inner = (child: ResultType, childType: DuckDBType) => vectorReader(child, childType, stringsByLayout);
  switch (type.kind) {
    case 'bool':
      return new BoolReader();
    case 'text':
    case 'blob':
      return stringsByLayout ? new TextReader() : new PlainTextReader(duckDbType);
    case 'asText':
      return new PlainTextReader(duckDbType);
    case 'uuid':
      return new UuidReader();
    case 'enum':
      return new EnumReader(type.values);
    case 'decimal':
      return new DecimalReader(type.storedBytes);
    case 'list':
      return new ListReader(inner(type.element, childTypes(duckDbType)[0]!));
    case 'fixedList':
      return new FixedListReader(inner(type.element, childTypes(duckDbType)[0]!), type.size!);
    case 'struct':
      return new StructReader(type.fields.map((field, i) => inner(field, childTypes(duckDbType)[i]!)));
    case 'map': {
      const [keyType, valueType] = childTypes(duckDbType) as [DuckDBType, DuckDBType];
      return new MapReader(new StructReader([inner(type.key, keyType), inner(type.value, valueType)]));
    }
    default:
      return new FixedReader(type.kind);
  }
}

function childTypes(type: DuckDBType): readonly DuckDBType[] {
  const nested = type as { valueType?: DuckDBType; keyType?: DuckDBType; entryTypes?: readonly DuckDBType[] };
  return nested.entryTypes ?? [nested.keyType, nested.valueType].filter((child) => child !== undefined);
}

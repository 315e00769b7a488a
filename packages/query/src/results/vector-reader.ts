import type { DuckDBType } from '@duckdb/node-api';
import { FixedListReader, ListReader, MapReader, StructReader } from './nested-readers.ts';
import type { ResultType } from './result-type.ts';
import type { VectorReader } from './rows.ts';
import { BoolReader, DecimalReader, FixedReader } from './scalar-readers.ts';
import { EnumReader, PlainTextReader, TextReader, UuidReader } from './text-readers.ts';

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

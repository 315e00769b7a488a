import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { AttributeColumn, DataFile, TableName } from '@openwit/ports';
import { TABLES } from '@openwit/ports';
import { doubleText } from '../memory/double-text.ts';
import { LOGICAL_TABLES, typesColumn } from '../sql/logical-table.ts';
import { identifier, literal } from '../sql/table-sql.ts';
import { attributeType, ownText, type TestAttribute, type TestAttributes, type TestRow } from './column-builders.ts';

const SQL_TYPES = { text: 'VARCHAR', int64: 'BIGINT', float64: 'DOUBLE', bool: 'BOOLEAN' } as const;
const ATTRIBUTE_TYPE_OF = { text: 'string', int64: 'int', float64: 'double', bool: 'bool' } as const;

/** A folder of Parquet files in the store's layout, written by another DuckDB. */
export class TestFiles {
  readonly dir: string = mkdtempSync(join(tmpdir(), 'openwit-query-'));
  readonly #instance = DuckDBInstance.create(':memory:');
  #nextId = 1;

  /** `columns` are the attribute keys that become columns of this file: each must have its type in all rows that have it. */
  async write(table: TableName, rows: readonly TestRow[], columns: readonly AttributeColumn[] = []): Promise<DataFile> {
    const fileId = this.#nextId++;
    const path = join(this.dir, `[${fileId}].parquet`); // a name that a glob would misread
    const json = join(this.dir, `${fileId}.json`);
    writeFileSync(json, rows.map((row) => JSON.stringify(storedRow(table, row, columns), exactly)).join('\n'));
    const types = [
      ...LOGICAL_TABLES[table].map(({ name, sqlType }) => [name, sqlType] as const),
      ...columns.map(({ name, type }) => [name, SQL_TYPES[type]] as const),
    ];
    const struct = types.map(([name, type]) => `${literal(name)}: ${literal(type)}`).join(', ');
    const select = types.map(([name]) => identifier(name)).join(', ');
    const connection = await (await this.#instance).connect();
    await connection.run(
      `copy (select ${select} from read_json(${literal(json)}, format = 'newline_delimited', columns = {${struct}})) to ${literal(path)} (format parquet)`,
    );
    connection.closeSync();
    const times = rows.map((row) => row.timestamp as bigint).sort((a, b) => (a < b ? -1 : 1));
    return {
      fileId,
      path,
      tier: 'hot',
      generation: 0,
      rows: rows.length,
      sizeBytes: statSync(path).size,
      minTimestampNs: times[0]!,
      maxTimestampNs: times.at(-1)!,
      attributeColumnIds: columns.map(({ fieldId }) => fieldId),
      emptyColumns: [],
    };
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}

/** The attribute columns of a table, numbered. */
export function attributeColumns(types: Readonly<Record<string, AttributeColumn['type']>>): AttributeColumn[] {
  return Object.entries(types).map(([name, type], i) => {
    const [, map, key] = /^(.*?attributes)\.(.*)$/.exec(name)!;
    return { fieldId: 1000 + i, map: map!, key: key!, name, type };
  });
}

function storedRow(table: TableName, row: TestRow, columns: readonly AttributeColumn[]): Record<string, unknown> {
  const stored: Record<string, unknown> = {};
  for (const { name, type, nullable } of TABLES[table]) {
    if (type === 'attributes') {
      const kept = Object.entries((row[name] ?? {}) as TestAttributes).filter(
        ([key]) => !columns.some((column) => column.map === name && column.key === key),
      );
      Object.assign(stored, storedAttributes(name, Object.fromEntries(kept)));
    } else {
      stored[name] = storedValue(type, row[name], nullable);
    }
  }
  for (const { map, key, name, type } of columns) {
    const value = (row[map] as TestAttributes | undefined)?.[key];
    if (value === undefined) continue;
    if (attributeType(value) !== ATTRIBUTE_TYPE_OF[type]) throw new Error(`not of the column's type: ${name}`);
    stored[name] = value;
  }
  return stored;
}

function storedAttributes(name: string, attributes: TestAttributes): Record<string, unknown> {
  const entries = Object.entries(attributes);
  const types = entries
    .map(([key, value]) => [key, attributeType(value)] as const)
    .filter(([, type]) => type !== 'string');
  const typesName = typesColumn(name);
  return {
    [name]: Object.fromEntries(entries.map(([key, value]) => [key, attributeText(value)])),
    ...(typesName === undefined ? {} : { [typesName]: Object.fromEntries(types) }),
  };
}

/** NULL for an attribute without a value, as the store writes it. */
export function attributeText(value: TestAttribute): string | null {
  const type = attributeType(value);
  if (type === 'empty') return null;
  if (type === 'int' || type === 'bool') return String(value);
  return type === 'double' ? doubleText(value as number) : ownText(value);
}

function storedValue(type: unknown, value: unknown, nullable: boolean): unknown {
  if (typeof type === 'object' && type !== null) {
    if ('list' in type) return ((value ?? []) as unknown[]).map((item) => storedValue(type.list, item, false));
    const { struct } = type as { struct: readonly { name: string; type: unknown; nullable: boolean }[] };
    return Object.assign(
      {},
      ...struct.map((field) => {
        const own = (value as TestRow)[field.name];
        if (field.type === 'attributes') return storedAttributes(field.name, (own ?? {}) as TestAttributes);
        return { [field.name]: storedValue(field.type, own, field.nullable) };
      }),
    );
  }
  if (type === 'timestamp_ns' && typeof value === 'bigint') return timestampSql(value);
  if (value !== undefined && value !== null) return value;
  return nullable ? null : type === 'text' ? '' : 0;
}

export function timestampSql(ns: bigint): string {
  const text = new Date(Number(ns / 1_000_000n)).toISOString();
  return `${text.slice(0, 19).replace('T', ' ')}.${String(((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n).padStart(9, '0')}`;
}

/** Numbers with all their digits; what JSON has no number for as text that DuckDB casts. */
function exactly(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(value));
  if (Object.is(value, -0)) return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('-0.0');
  if (typeof value === 'number' && !Number.isFinite(value))
    return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  return value;
}

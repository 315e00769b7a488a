import { type Signal, TABLES, typesColumnOf } from '@openwit/ports';
import type { DuckDbReader } from '../services/duckdb-reader.ts';
import { ask } from './node-process.ts';

/** The maps whose keys may be columns in a file. */
const MAPS = ['attributes', 'resource_attributes', 'scope_attributes'];
const TYPE_WORDS: Readonly<Record<string, string>> = { BIGINT: 'int', DOUBLE: 'double', BOOLEAN: 'bool' };

/** Where a stranger reads: a tenant's tables in a catalog, perhaps as of an older snapshot. */
export interface LakehousePlace {
  readonly catalog: string;
  readonly tenant: string;
  readonly version?: number;
}

/** Each row of a table as text with all its columns, sorted: by the node's own SQL. */
export async function rowsOfNode(api: string, signal: Signal, tenant: string): Promise<string[]> {
  const { rows } = await ask(api, `select ${fixedColumns(signal)} from ${signal}`, { 'x-scope-orgid': tenant });
  return rows.map((row) => rowText(row, [])).sort();
}

/** The same rows by an independent DuckLake: attribute columns are put back where they come from. */
export async function rowsOfLakehouse(reader: DuckDbReader, signal: Signal, place: LakehousePlace): Promise<string[]> {
  const table = tableAt(signal, place);
  const described = await reader.read(place.catalog, `select column_name, column_type from (describe from ${table})`);
  const fixed = new Set(storedNames(signal));
  const own = described
    .map(([name, type]) => ({ name: String(name), type: String(type) }))
    .filter(({ name }) => !fixed.has(name));
  const texts = own.map(({ name }) => `${identifier(name)}::varchar`);
  const rows = await reader.read(place.catalog, `select ${[fixedColumns(signal), ...texts].join(', ')} from ${table}`);
  return rows.map((row) => rowText(row, own)).sort();
}

/** The table in SQL. */
export function tableAt(signal: Signal, { tenant, version }: LakehousePlace): string {
  return `wit.${identifier(tenant)}.${signal}${version === undefined ? '' : ` at (version => ${version})`}`;
}

function storedNames(signal: Signal): string[] {
  const names = TABLES[signal].map(({ name }) => name);
  return [...MAPS, ...MAPS.map(typesColumnOf), ...names.filter((name) => !MAPS.includes(name))];
}

/** Maps as they are, everything else as text. */
function fixedColumns(signal: Signal): string {
  const [maps, others] = [storedNames(signal).slice(0, 2 * MAPS.length), storedNames(signal).slice(2 * MAPS.length)];
  return [...maps, ...others.map((name) => `${name}::varchar`)].join(', ');
}

function rowText(row: readonly unknown[], own: readonly { readonly name: string; readonly type: string }[]): string {
  const width = row.length - own.length;
  const maps = row
    .slice(0, 2 * MAPS.length)
    .map((map) => new Map(Object.entries(map as Record<string, string | null>)));
  own.forEach(({ name, type }, i) => {
    const value = row[width + i] as string | null;
    if (value === null) return;
    const map = MAPS.findIndex((prefix) => name.startsWith(`${prefix}.`));
    const key = name.slice(MAPS[map]!.length + 1);
    // In a row a key is a column or in the map, never both.
    if (maps[map]!.has(key)) throw new Error(`a key is twice in a row: ${name}`);
    maps[map]!.set(key, value);
    if (type in TYPE_WORDS) maps[MAPS.length + map]!.set(key, TYPE_WORDS[type]!);
  });
  const sorted = maps.map((map) => [...map].sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify([...sorted, ...row.slice(2 * MAPS.length, width)]);
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

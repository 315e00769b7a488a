import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { type DataFile, SIGNALS, type TableName } from '@openwit/ports';
import { randomRows, SeededRandom } from '@openwit/ports/testing';
import { memoryStore, moved } from '../testing/cold-objects.ts';
import { garbageFileSystem } from '../testing/garbage-file-system.ts';
import { StoredFiles } from '../testing/stored-files.ts';
import { ColdCache } from './cold-cache.ts';

const QUERIES = 60;

/** A query of a Parquet file and the columns that it reads. */
interface FileQuery {
  readonly select: string;
  readonly where: string;
  readonly order: string;
  readonly columns: readonly string[] | 'all';
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly values: readonly string[];
}

describe('DuckDB reads nothing of a file but what is fetched for its columns', () => {
  for (const table of SIGNALS) {
    for (const isCached of [true, false]) {
      test(`${table}, ${isCached ? 'with' : 'without'} its cache of footers`, () => proof(table, isCached));
    }
  }

  test('logs, one query at a time, each with a cache of its own', async () => {
    const place = await Place.open('logs', true, 5);
    for (let i = 0; i < 25; i++) await place.compare(place.randomQuery(), await place.newCache());
    await place.close();
  });
});

async function proof(table: TableName, isCached: boolean): Promise<void> {
  const place = await Place.open(table, isCached, table.length);
  const cache = await place.newCache();
  await place.compare({ select: 'count(*)', where: '', order: '', columns: [] }, cache);
  for (let i = 0; i < QUERIES; i++) await place.compare(place.randomQuery(), cache);
  await place.compare({ select: '*', where: '', order: '', columns: 'all' }, cache);
  for (let i = 0; i < QUERIES / 4; i++) await place.compare(place.randomQuery(), cache);
  assert.ok(cache.stats().hits > 0);
  await place.close();
}

/** Files of both writers, whole and as objects, with one DuckDB that reads them. */
class Place {
  readonly #random: SeededRandom;
  readonly #stored: StoredFiles;
  readonly #store = memoryStore();
  readonly #folder = mkdtempSync(join(tmpdir(), 'openwit-sparse-'));
  readonly #instance: DuckDBInstance;
  readonly #duckdb: DuckDBConnection;
  readonly #caches: ColdCache[] = [];
  readonly #releases: (() => void)[] = [];
  readonly #files: { readonly whole: DataFile; readonly cold: DataFile; readonly columns: readonly Column[] }[] = [];

  static async open(table: TableName, isCached: boolean, seed: number): Promise<Place> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '3' });
    const place = new Place(table, seed, instance, await instance.connect());
    await place.#rows(`SET GLOBAL parquet_metadata_cache = ${isCached}`);
    // As the query engine has it: this cache reads what lies between two reads, too, and keeps it.
    await place.#rows('SET GLOBAL enable_external_file_cache = false');
    const rows = (count: number) => randomRows(table, place.#random, count);
    const small = [place.#stored.active(rows(300), 'lz4'), place.#stored.active(rows(400), 'zstd')];
    // Two row groups.
    const large = place.#stored.active(rows(11_000), 'none');
    const merged = await place.#stored.merged([...small, place.#stored.active(rows(2000))], { maxPieceRows: 512 });
    for (const file of [...small, large, merged]) await place.#add(file);
    return place;
  }

  private constructor(table: TableName, seed: number, instance: DuckDBInstance, duckdb: DuckDBConnection) {
    this.#random = new SeededRandom(seed);
    this.#stored = new StoredFiles(table);
    this.#instance = instance;
    this.#duckdb = duckdb;
  }

  async newCache(): Promise<ColdCache> {
    const folder = join(this.#folder, String(this.#caches.length));
    // Small numbers, so that there are many requests and hardly anything by chance.
    const settings = { folder, gapBytes: 1, maxRangeBytes: 40_000, tailBytes: 100 };
    const cache = await ColdCache.open({ stores: [this.#store], fileSystem: garbageFileSystem }, settings);
    this.#caches.push(cache);
    return cache;
  }

  /** The file is one of those that the query fits. */
  async compare({ select, where, order, columns }: FileQuery, cache: ColdCache): Promise<void> {
    const known = this.#files.filter((file) => {
      const names = new Set(file.columns.map(({ name }) => name));
      return columns === 'all' || columns.every((name) => names.has(name));
    });
    const { whole, cold } = this.#random.pick(known);
    const reads = cache.reads();
    const paths = await reads.localise([{ file: cold, columns }]);
    const sql = (path: string) =>
      `SELECT ${select} FROM read_parquet('${path}', file_row_number = true) ${where} ${order}`;
    const found = await this.#rows(sql(paths.get(cold.fileId)!));
    assert.deepEqual(found, await this.#rows(sql(whole.path)), sql(whole.path));
    if (this.#random.below(2) === 0) reads.release();
    else this.#releases.push(reads.release);
  }

  randomQuery(): FileQuery {
    const random = this.#random;
    const { columns } = random.pick(this.#files);
    const used = new Set<string>();
    const pick = () => {
      const column = random.pick(columns);
      used.add(column.name);
      return column;
    };
    const items = Array.from({ length: random.below(4) }, () => expression(pick(), random));
    if (items.length === 0) items.push(random.pick(['count(*)', 'file_row_number', '1']));
    const conditions = Array.from({ length: random.below(3) }, () => condition(pick(), random));
    return {
      select: items.map((item, i) => `${item} AS item_${i}`).join(', '),
      where: conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`,
      order: random.pick(['', '', 'ORDER BY ALL LIMIT 7', 'LIMIT 20']),
      columns: [...used],
    };
  }

  async close(): Promise<void> {
    for (const release of this.#releases) release();
    for (const cache of this.#caches) await cache.close();
    this.#duckdb.closeSync();
    this.#instance.closeSync();
    this.#stored.remove();
    rmSync(this.#folder, { recursive: true });
  }

  async #add(whole: DataFile): Promise<void> {
    const described = await this.#rows(`DESCRIBE FROM '${whole.path}'`);
    const columns: Column[] = [];
    for (const [name, type] of described.map((row) => row as string[])) {
      const values = await this.#rows(
        `SELECT DISTINCT "${name}"::VARCHAR FROM '${whole.path}' WHERE "${name}" IS NOT NULL ORDER BY 1 LIMIT 50`,
      );
      columns.push({ name: name!, type: type!, values: values.map((row) => (row as string[])[0]!) });
    }
    this.#files.push({ whole, cold: await moved(this.#store, whole), columns });
  }

  async #rows(sql: string): Promise<unknown[]> {
    return (await this.#duckdb.runAndReadAll(sql)).getRowsJson();
  }
}

function expression({ name, type }: Column, random: SeededRandom): string {
  const own = `"${name}"`;
  if (type.startsWith('MAP'))
    return random.pick([own, `${own}['common.mixed']`, `map_keys(${own})`, `cardinality(${own})`]);
  if (type.startsWith('STRUCT') && type.endsWith('[]'))
    return random.pick([own, `len(${own})`, `${own}[1]`, `list_transform(${own}, lambda e: struct_extract_at(e, 1))`]);
  return random.pick([own, own, `count(${own}) OVER ()`, `${own} IS NULL`]);
}

/** Also such as row groups are left out by, for their statistics or bloom filters. */
function condition({ name, type, values }: Column, random: SeededRandom): string {
  const own = `"${name}"`;
  const isPlain = !type.endsWith('[]') && !type.startsWith('MAP') && !type.startsWith('STRUCT');
  if (!isPlain || values.length === 0) return `${own} IS NOT NULL`;
  const value = `'${random.pick(values).replaceAll("'", "''")}'::${type}`;
  return random.pick([`${own} = ${value}`, `${own} >= ${value}`, `${own} <> ${value}`, `${own} IN (${value})`]);
}

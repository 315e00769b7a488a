import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type DataFile, nodeFileSystem, SIGNALS, systemClock, type TableName } from '@openwit/ports';
import { batchOf, putObject, randomRows, SeededRandom } from '@openwit/ports/testing';
import { QueryEngine } from '@openwit/query';
import { ColdCache, LsmStore, SqliteCatalog } from '@openwit/storage';
import { LOGICAL_TABLES } from '../../packages/query/src/sql/logical-table.ts';
import { rowsOf } from '../../packages/query/src/testing/rows-of.ts';
import { TestSource } from '../../packages/query/src/testing/test-source.ts';
import { memoryStore, moved } from '../../packages/storage/src/testing/cold-objects.ts';
import { garbageFileSystem } from '../../packages/storage/src/testing/garbage-file-system.ts';
import { StoredFiles } from '../../packages/storage/src/testing/stored-files.ts';

const QUERIES = 60;
const QUERIES_OF_A_CACHE = 3;

describe('a query over cold files answers as over hot ones, where all that was not fetched is garbage', () => {
  for (const table of SIGNALS) {
    test(table, async () => {
      const random = new SeededRandom(table.length + 10);
      const stored = new StoredFiles(table);
      const folder = mkdtempSync(join(tmpdir(), 'openwit-cold-'));
      const store = memoryStore();
      const newCache = (name: string) => {
        const settings = { folder: join(folder, name), gapBytes: 1, tailBytes: 100, maxRangeBytes: 50_000 };
        return ColdCache.open({ stores: [store], fileSystem: garbageFileSystem }, settings);
      };
      let cache = await newCache('first');
      const hot = await filesOf(stored, random);
      const cold: DataFile[] = [];
      for (const file of hot) cold.push(await moved(store, file));
      const engines = [hot, cold, [...hot.slice(0, 2), ...cold.slice(2)]].map((files) =>
        engineOver(stored, files, folder, () => cache),
      );
      await rowsOf(engines[1]!, `select count(*) from ${table}`);
      const counted = cache.stats().fetchedBytes;
      assert.ok(counted < 200_000, `${counted} bytes to count rows`);
      let failures = 0;
      for (let i = 0; i < QUERIES; i++) {
        const sql = randomQuery(table, random);
        // Soon it would have all columns.
        if (i % QUERIES_OF_A_CACHE === 0) {
          await cache.close();
          cache = await newCache(`${i}`);
        }
        const [expected, ...found] = await Promise.all(engines.map((engine) => answer(engine, sql)));
        for (const rows of found) assert.deepEqual(rows, expected, sql);
        if (typeof expected === 'string') failures++;
      }
      assert.ok(failures < QUERIES / 5, `${failures} queries are wrong`);
      for (const engine of engines) await engine.close();
      await cache.close();
      stored.remove();
      rmSync(folder, { recursive: true });
    });
  }
});

test('what a query reads around its columns does not come back in a later one', async () => {
  const stored = new StoredFiles('logs');
  const folder = mkdtempSync(join(tmpdir(), 'openwit-cold-'));
  const store = memoryStore();
  const rows = randomRows('logs', new SeededRandom(5), 1000);
  const inputs = [stored.active(rows.slice(0, 500)), stored.active(rows.slice(500))];
  // Small row groups, whose columns lie close to each other.
  const hot = await stored.merged(inputs, { maxPieceRows: 100 });
  const cold = await moved(store, hot);
  let cache: ColdCache | undefined;
  const [local, remote] = [hot, cold].map((file) => engineOver(stored, [file], folder, () => cache));
  const all = 'select * from logs order by all';
  const expected = await answer(local!, all);
  const names = LOGICAL_TABLES.logs.map(({ name }) => name);
  for (let i = 0; i + 2 < names.length; i++) {
    const settings = { folder: join(folder, `${i}`), gapBytes: 1, tailBytes: 100 };
    cache = await ColdCache.open({ stores: [store], fileSystem: garbageFileSystem }, settings);
    // Two columns with another between them, the later one first.
    for (const name of [names[i + 2], names[i]]) await rowsOf(remote!, `select max("${name}") from logs`);
    assert.deepEqual(await answer(remote!, all), expected, names[i + 1]);
    await cache.close();
  }
  await local!.close();
  await remote!.close();
  stored.remove();
  rmSync(folder, { recursive: true });
});

test("the store's snapshots read files that were moved to an object store", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'openwit-cold-'));
  const dataPath = join(folder, 'parquet');
  const coldFolder = join(folder, 'cold');
  const objects = memoryStore();
  const catalog = await SqliteCatalog.open({ clock: systemClock }, { path: ':memory:', dataPath });
  const coldFiles = await ColdCache.open({ stores: [objects], fileSystem: nodeFileSystem }, { folder: coldFolder });
  const parts = { catalog, fileSystem: nodeFileSystem, clock: systemClock, coldFiles };
  const settings = { dataPath, nodeId: 'cafe0001' };
  const sql = "select attributes['common.int']::bigint, count(*), max(timestamp) from traces group by all order by all";
  const ask = async (store: LsmStore) => {
    const engine = new QueryEngine({ source: store }, { dataDirs: [dataPath, coldFolder] });
    const rows = await rowsOf(engine, sql, { tenant: 'acme' });
    await engine.close();
    return rows;
  };

  const store = await LsmStore.open(parts, settings);
  for (let batchId = 1; batchId <= 3; batchId++) {
    const batch = batchOf('traces', randomRows('traces', new SeededRandom(batchId), 500));
    const range = { batchId, throughLsn: batchId };
    await store.append({
      tenant: 'acme',
      table: 'traces',
      batch,
      byteLength: 1000,
      range,
      sources: [],
      release: () => {},
    });
  }
  const before = await ask(store);
  await store.close();
  const [first, second] = await catalog.files('acme', 'traces');
  for (const [file, tier] of [
    [first!, 'cold'],
    [second!, 'archive'],
  ] as const) {
    const key = `acme/traces/${file.fileId}.parquet`;
    await putObject(objects, key, readFileSync(file.path));
    const to = `${objects.url}/${key}`;
    await catalog.move({ fileId: file.fileId, from: file.path, to, tier });
    rmSync(file.path);
  }
  const reopened = await LsmStore.open(parts, settings);
  assert.deepEqual(await ask(reopened), before);
  assert.equal(coldFiles.stats().misses, 2);
  assert.deepEqual(await ask(reopened), before);
  assert.equal(coldFiles.stats().hits, 2);
  await reopened.close();
  await coldFiles.close();
  await catalog.close();
  rmSync(folder, { recursive: true });
});

function engineOver(
  stored: StoredFiles,
  files: readonly DataFile[],
  folder: string,
  cache: () => ColdCache | undefined,
): QueryEngine {
  const { table, attributeColumns } = stored;
  const source = new TestSource({ [table]: { files, attributeColumns } });
  const snapshot = source.snapshot.bind(source);
  source.snapshot = (...call) => {
    const reads = cache()?.reads();
    const { tables, release } = snapshot(...call);
    return {
      tables,
      ...(reads && { localise: reads.localise }),
      release: () => {
        reads?.release();
        release();
      },
    };
  };
  return new QueryEngine({ source }, { threads: 3, dataDirs: [stored.folder, folder] });
}

async function filesOf(stored: StoredFiles, random: SeededRandom): Promise<DataFile[]> {
  const rows = (count: number) => randomRows(stored.table, random, count);
  const small = [stored.active(rows(200)), stored.active(rows(150), 'zstd')];
  const merged = await stored.merged([stored.active(rows(900)), stored.active(rows(700))], { maxPieceRows: 400 });
  return [...small, merged, stored.active(rows(300), 'none')];
}

/** The rows in no order, or what is wrong with the query. */
async function answer(engine: QueryEngine, sql: string): Promise<unknown> {
  try {
    return (await rowsOf(engine, sql)).map((row) =>
      JSON.stringify(row, (_, v) => (typeof v === 'bigint' ? `${v}` : v)),
    );
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function randomQuery(table: TableName, random: SeededRandom): string {
  const keys = ['common.text', 'common.int', 'common.double', 'common.bool', 'common.mixed', 'rare.a', 'nowhere'];
  const maps = ['attributes', 'resource_attributes', 'scope_attributes'];
  const access = () => `${random.pick(maps)}['${random.pick(keys)}']`;
  const column = () => `"${random.pick(LOGICAL_TABLES[table]).name}"`;
  const item = () =>
    random.pick([
      column,
      column,
      access,
      () => `try_cast(${access()} as bigint)`,
      () => `map_contains(${random.pick(maps)}, '${random.pick(keys)}')`,
      () => random.pick(maps),
      () => 'attribute_types',
    ])();
  const condition = () =>
    random.pick([
      () => `${access()} = 'a'`,
      () => `try_cast(${access()} as double) > 300`,
      () => `${access()} is not null`,
      () => `service_name = '${random.pick(['a', 'GET /api', '日本語', 'nowhere'])}'`,
      () => `timestamp >= make_timestamp_ns(${1_800_000_000_000_000_000n + BigInt(random.below(2 ** 40))})`,
      () => `${column()} is not null`,
    ])();
  const items = Array.from({ length: 1 + random.below(3) }, item).join(', ');
  const where = random.below(3) === 0 ? '' : ` where ${condition()} and ${condition()}`;
  return random.pick([
    `select ${items} from ${table}${where} order by all`,
    `select ${items} from ${table}${where} order by all limit 9`,
    `select count(*) from ${table}${where}`,
    `select ${item()}, count(*), min(timestamp) from ${table}${where} group by all order by all`,
    `select count(*), count(a.service_name), max(b.timestamp) from ${table} a join ${table} b using (timestamp)`,
    `with chosen as (select * from ${table}${where}) select ${items} from chosen order by all limit 20`,
    `select * from ${table}${where} order by all limit 5`,
  ]);
}

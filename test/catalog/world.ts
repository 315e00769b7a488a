import assert from 'node:assert/strict';
import { type Catalog, placesOf } from '@openwit/ports';

/** What a test knows of the world, beside what the catalog says. */
export class World {
  readonly dataPath = '/data/parquet';
  /** What is in the file at each path: batches, `actor/batch`. */
  readonly contents: Map<string, readonly string[]> = new Map();
  /** Batches whose commit resolved. */
  readonly acknowledged: Set<string> = new Set();
  /** Announced, and perhaps about to be committed. */
  readonly pending: Set<string> = new Set();
  /** Paths that were garbage and are gone. */
  readonly removed: Set<string> = new Set();
  conflicts = 0;
  unavailable = 0;
  /** How often a commit was found done at its retry. */
  unclear = 0;

  get summary(): string {
    const { acknowledged, removed, conflicts, unavailable, unclear } = this;
    return JSON.stringify({ batches: acknowledged.size, removed: removed.size, conflicts, unavailable, unclear });
  }
}

/** Runs one statement on the catalog's database. */
export type AskDatabase = (sql: string) => Promise<Record<string, unknown>[]>;

export async function nothingLiveIsGarbage(ask: AskDatabase): Promise<void> {
  const rows = await ask(
    `SELECT g.path FROM openwit_garbage g JOIN ducklake_data_file f
     ON g.path = CASE WHEN f.path_is_relative THEN 'acme/logs/' || f.path ELSE f.path END OR g.path =
       (SELECT CASE WHEN f.path_is_relative THEN 'acme/logs/' || f.path ELSE f.path END || '.' || name || '.index'
        FROM openwit_indexes i WHERE i.data_file_id = f.data_file_id)`,
  );
  assert.deepEqual(rows, []);
}

/** Once all is quiet: each batch is published once, and no path is forgotten. */
export async function worldIsWhole(world: World, catalogs: readonly Catalog[], ask: AskDatabase): Promise<void> {
  const files = await catalogs[0]!.files('acme', 'logs');
  const published = files.flatMap(({ path }) => world.contents.get(path)!);
  assert.deepEqual(published.sort(), [...world.acknowledged].sort());
  assert.equal(new Set(files.map(({ fileId }) => fileId)).size, files.length);
  const [stats] = await ask('SELECT CAST(record_count AS INTEGER) AS rows FROM ducklake_table_stats');
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  assert.equal(stats!.rows, rows);
  const live = files.flatMap(placesOf);
  for (const path of live) assert.ok(!world.removed.has(path), `what is live was removed, path=${path}`);
  const indexes = await ask(
    'SELECT data_file_id FROM openwit_indexes WHERE data_file_id NOT IN (SELECT data_file_id FROM ducklake_data_file)',
  );
  assert.deepEqual(indexes, [], 'indexes of files that are gone');

  await nothingLiveIsGarbage(ask);
  const kept = await ask(
    `SELECT path, path_is_relative AS relative FROM ducklake_data_file UNION ALL
     SELECT path || '.' || name || '.index', path_is_relative FROM ducklake_data_file f
     JOIN openwit_indexes i ON i.data_file_id = f.data_file_id`,
  );
  const inSnapshots = kept.map(({ path, relative }) =>
    relative ? `${world.dataPath}/acme/logs/${path}` : String(path),
  );
  const garbage = (await Promise.all(catalogs.map((catalog) => catalog.garbage()))).flat().map(({ path }) => path);
  const known = new Set([...inSnapshots, ...garbage, ...world.removed]);
  const lost = [...world.contents.keys()].filter((path) => !known.has(path));
  assert.deepEqual(lost, [], 'paths that are in no snapshot, no garbage, and were not removed');
}

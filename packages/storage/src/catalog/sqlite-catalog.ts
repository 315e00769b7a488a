import { resolve } from 'node:path';
import { type Clock, type Random, systemRandom } from '@openwit/ports';
import { DataPaths } from './data-paths.ts';
import { migrate } from './migrations.ts';
import { SqlCatalog } from './sql-catalog.ts';
import { SqliteDatabase } from './sqlite-database.ts';

export interface SqliteCatalogSettings {
  /** The SQLite file, or `:memory:`. */
  readonly path: string;
  /** The folder of the Parquet files. */
  readonly dataPath: string;
}

/** The catalog of one node in one SQLite file. One process writes; any number read. */
export class SqliteCatalog extends SqlCatalog {
  /** @throws data / STORE_CORRUPTION; unavailable / STORE_UNAVAILABLE */
  static async open(
    { clock, random = systemRandom }: { readonly clock: Clock; readonly random?: Random },
    settings: SqliteCatalogSettings,
  ): Promise<SqliteCatalog> {
    const dataPath = resolve(settings.dataPath);
    const database = new SqliteDatabase(settings.path);
    try {
      await migrate(database, { clock, random, dataPath, isOfOneNode: true });
      const row = await database.get(`SELECT value FROM openwit_meta WHERE key = 'node_id'`);
      const nodeId = row!.value as string;
      return new SqliteCatalog({ database, clock, random, paths: new DataPaths(dataPath), nodeId });
    } catch (error) {
      await database.close();
      throw error;
    }
  }
}

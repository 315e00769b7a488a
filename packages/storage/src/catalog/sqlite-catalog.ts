import { resolve } from 'node:path';
import { type Clock, OpenWitError, type Random, systemRandom } from '@openwit/ports';
import { DataPaths } from './data-paths.ts';
import { Fence } from './fence.ts';
import { migrate } from './migrations.ts';
import { SqlCatalog, type SqlCatalogParts } from './sql-catalog.ts';
import { backupSqlite } from './sqlite-backup.ts';
import { SqliteDatabase } from './sqlite-database.ts';

export interface SqliteCatalogSettings {
  /** The SQLite file, or `:memory:`. */
  readonly path: string;
  /** The folder of the Parquet files. */
  readonly dataPath: string;
}

/** The catalog of one node in one SQLite file. Whoever opens it takes the node over; others read by other means. */
export class SqliteCatalog extends SqlCatalog {
  readonly #path: string;

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
      const fence = await database.transaction((sql) => Fence.take(sql, clock, nodeId));
      const parts = { database, clock, random, paths: new DataPaths(dataPath), nodeId, fence };
      return new SqliteCatalog(parts, settings.path);
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  private constructor(parts: SqlCatalogParts, path: string) {
    super(parts);
    this.#path = path;
  }

  /**
   * Copies the catalog as it is at one moment, while commits go on. The copy is, under its name, whole and durable or
   * not there; what was there before is replaced. @throws invalid / INVALID_CONFIG for a catalog in memory;
   * unavailable / STORE_UNAVAILABLE
   */
  async backup(path: string): Promise<void> {
    if (this.#path === ':memory:')
      throw new OpenWitError('invalid', 'INVALID_CONFIG', 'a catalog in memory is not backed up');
    await backupSqlite(this.#path, path).catch((cause) => {
      throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', `the catalog cannot be copied, path=\`${path}\``, {
        cause,
      });
    });
  }
}

import { resolve } from 'node:path';
import { type Clock, OpenWitError, type Random, randomHex, systemRandom } from '@openwit/ports';
import { DataPaths } from './data-paths.ts';
import { Fence } from './fence.ts';
import { dataPathOf, migrate } from './migrations.ts';
import { PostgresDatabase, type PostgresSettings } from './postgres-database.ts';
import { SqlCatalog } from './sql-catalog.ts';
import type { SqlSession } from './sql-database.ts';

export interface PostgresCatalogSettings extends PostgresSettings {
  /** The folder of the Parquet files. The first node that opens the catalog decides it for all. */
  readonly dataPath: string;
  /**
   * Names the node, for as long as it has its data: whoever opens the catalog takes this name over from whoever had it
   * before. Default: a new name, which the caller keeps (`nodeId`).
   */
  readonly nodeId?: string;
}

const NODE_ID = /^[0-9a-zA-Z][0-9a-zA-Z_-]{0,62}$/;

/** The catalog of several nodes in one Postgres. Each has its own log; all share tables, snapshots and sources. */
export class PostgresCatalog extends SqlCatalog {
  /** @throws invalid / INVALID_CONFIG, MISSING_PACKAGE; data / STORE_CORRUPTION; unavailable / STORE_UNAVAILABLE */
  static async open(
    { clock, random = systemRandom }: { readonly clock: Clock; readonly random?: Random },
    settings: PostgresCatalogSettings,
  ): Promise<PostgresCatalog> {
    if (settings.nodeId !== undefined && !NODE_ID.test(settings.nodeId)) {
      const message = `a node's name is 1 to 63 letters, digits, _ or -, nodeId=${JSON.stringify(settings.nodeId)}`;
      throw new OpenWitError('invalid', 'INVALID_CONFIG', message, { details: { option: 'nodeId' } });
    }
    const database = await PostgresDatabase.open(settings);
    try {
      await migrate(database, { clock, random, dataPath: resolve(settings.dataPath), isOfOneNode: false });
      const fence = await database.transaction(async (sql) =>
        Fence.take(sql, clock, settings.nodeId ?? (await newNodeId(sql, random))),
      );
      const paths = new DataPaths(await dataPathOf(database));
      return new PostgresCatalog({ database, clock, random, paths, nodeId: fence.nodeId, fence });
    } catch (error) {
      await database.close();
      throw error;
    }
  }
}

async function newNodeId(sql: SqlSession, random: Random): Promise<string> {
  for (;;) {
    const nodeId = randomHex(random, 4);
    if ((await sql.get('SELECT 1 FROM openwit_nodes WHERE node_id = ?', nodeId)) === undefined) return nodeId;
  }
}

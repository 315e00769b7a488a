import { type Clock, OpenWitError, type Random, randomHex } from '@openwit/ports';
import { DUCKLAKE_TABLES } from './ducklake-tables.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import { snapshotTime, uuid } from './text-forms.ts';

/** What a migration may use beside the database. */
export interface MigrationContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly dataPath: string;
}

type Migration = (database: SqliteDatabase, context: MigrationContext) => void;

/** Version n of the catalog is made by the first n of these. Released ones never change. */
const MIGRATIONS: readonly Migration[] = [createCatalog];

/** Brings the catalog to the newest version in one transaction. @throws data / STORE_CORRUPTION when it is newer than this code */
export function migrate(database: SqliteDatabase, context: MigrationContext): void {
  // Without a write, which a full disk would not take.
  if (isCurrent(database, context)) return;
  database.transaction(() => {
    const version = versionOf(database);
    if (version > MIGRATIONS.length) {
      throw new OpenWitError(
        'data',
        'STORE_CORRUPTION',
        `the catalog is of a newer version of OpenWit, version=${version}`,
        {
          details: { version, known: MIGRATIONS.length },
        },
      );
    }
    for (const migration of MIGRATIONS.slice(version)) migration(database, context);
    database.run(`INSERT OR REPLACE INTO openwit_meta VALUES ('version', ?)`, String(MIGRATIONS.length));
    database.run(`UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'`, `${context.dataPath}/`);
  });
}

function isCurrent(database: SqliteDatabase, { dataPath }: MigrationContext): boolean {
  if (versionOf(database) !== MIGRATIONS.length) return false;
  const path = database.get(`SELECT value FROM ducklake_metadata WHERE key = 'data_path'`)?.value;
  return path === `${dataPath}/`;
}

function versionOf(database: SqliteDatabase): number {
  const meta = database.get(`SELECT 1 FROM sqlite_master WHERE name = 'openwit_meta'`);
  if (meta === undefined) return 0;
  return Number(database.get(`SELECT value FROM openwit_meta WHERE key = 'version'`)?.value ?? 0);
}

const OPENWIT_TABLES = `
CREATE TABLE openwit_meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE openwit_ranges(batch_id INTEGER PRIMARY KEY, through_lsn INTEGER NOT NULL);
CREATE TABLE openwit_sources(source TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE openwit_files(data_file_id INTEGER PRIMARY KEY, min_timestamp_ns INTEGER NOT NULL, max_timestamp_ns INTEGER NOT NULL, attribute_column_ids TEXT NOT NULL);
CREATE INDEX openwit_data_files ON ducklake_data_file(table_id, end_snapshot);
CREATE INDEX openwit_file_stats ON ducklake_file_column_stats(table_id, column_id);
CREATE INDEX openwit_table_columns ON ducklake_column(table_id);
`;

function createCatalog(database: SqliteDatabase, { clock, random, dataPath }: MigrationContext): void {
  database.exec(DUCKLAKE_TABLES);
  database.exec(OPENWIT_TABLES);
  const metadata = {
    version: '1.0',
    created_by: 'OpenWit',
    data_path: `${dataPath}/`,
    encrypted: 'false',
    // Another writer must not keep rows in the catalog, where our queries would not see them.
    data_inlining_row_limit: '0',
  };
  for (const [key, value] of Object.entries(metadata)) {
    database.run('INSERT INTO ducklake_metadata(key, value) VALUES (?, ?)', key, value);
  }
  database.run('INSERT INTO ducklake_snapshot VALUES (0, ?, 0, 1, 0)', snapshotTime(clock.now()));
  database.run(`INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made) VALUES (0, 'created_schema:"main"')`);
  database.run(`INSERT INTO ducklake_schema VALUES (0, ?, 0, NULL, 'main', 'main/', 1)`, uuid(random));
  database.run(`INSERT INTO openwit_meta VALUES ('node_id', ?), ('next_batch_id', '1')`, randomHex(random, 4));
}

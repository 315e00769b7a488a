import { type Clock, OpenWitError, type Random, randomHex } from '@openwit/ports';
import { DUCKLAKE_TABLES } from './ducklake-tables.ts';
import type { SqlDatabase, SqlDialect, SqlSession } from './sql-database.ts';
import { snapshotTime, uuid } from './text-forms.ts';

/** What a migration may use beside the database. */
export interface MigrationContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly dataPath: string;
  /** Whether the catalog belongs to one node, whose id is made with it; then its files are where that node has them. */
  readonly isOfOneNode: boolean;
}

type Migration = (sql: SqlSession, dialect: SqlDialect, context: MigrationContext) => Promise<void>;

/** Version n of the catalog is made by the first n of these. Released ones never change. */
const MIGRATIONS: readonly Migration[] = [createCatalog, keepTiersAndGarbage, nameHolders, keepIndexes];

/** Brings the catalog to the newest version in one transaction. @throws data / STORE_CORRUPTION when it is newer than this code */
export async function migrate(database: SqlDatabase, context: MigrationContext): Promise<void> {
  // Without a write, which a full disk would not take.
  if (await isCurrent(database, database.dialect, context)) return;
  await database.transaction(async (sql) => {
    const version = await versionOf(sql, database.dialect);
    if (version > MIGRATIONS.length) {
      const message = `the catalog is of a newer version of OpenWit, version=${version}`;
      throw new OpenWitError('data', 'STORE_CORRUPTION', message, { details: { version, known: MIGRATIONS.length } });
    }
    for (const migration of MIGRATIONS.slice(version)) await migration(sql, database.dialect, context);
    await sql.run(
      `INSERT INTO openwit_meta(key, value) VALUES ('version', ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value`,
      String(MIGRATIONS.length),
    );
    if (!context.isOfOneNode) return;
    await sql.run(`UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'`, `${context.dataPath}/`);
  });
}

/** The data path as the catalog has it. */
export async function dataPathOf(sql: SqlSession): Promise<string> {
  const row = await sql.get(`SELECT value FROM ducklake_metadata WHERE key = 'data_path'`);
  return (row!.value as string).replace(/\/$/, '');
}

async function isCurrent(sql: SqlSession, dialect: SqlDialect, context: MigrationContext): Promise<boolean> {
  if ((await versionOf(sql, dialect)) !== MIGRATIONS.length) return false;
  return !context.isOfOneNode || (await dataPathOf(sql)) === context.dataPath;
}

async function versionOf(sql: SqlSession, dialect: SqlDialect): Promise<number> {
  if ((await sql.get(dialect.tableExists, 'openwit_meta')) === undefined) return 0;
  return Number((await sql.get(`SELECT value FROM openwit_meta WHERE key = 'version'`))?.value ?? 0);
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

async function createCatalog(sql: SqlSession, dialect: SqlDialect, context: MigrationContext): Promise<void> {
  const { clock, random, dataPath, isOfOneNode } = context;
  await sql.exec(dialect.definitions(DUCKLAKE_TABLES));
  await sql.exec(dialect.definitions(OPENWIT_TABLES));
  const metadata = {
    version: '1.0',
    created_by: 'OpenWit',
    data_path: `${dataPath}/`,
    encrypted: 'false',
    // Another writer must not keep rows in the catalog, where our queries would not see them.
    data_inlining_row_limit: '0',
  };
  await sql.insert('ducklake_metadata', ['key', 'value'], Object.entries(metadata));
  await sql.run(
    `INSERT INTO ducklake_snapshot(snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id)
     VALUES (0, ?, 0, 1, 0)`,
    snapshotTime(clock.now()),
  );
  await sql.run(`INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made) VALUES (0, 'created_schema:"main"')`);
  await sql.run(
    `INSERT INTO ducklake_schema(schema_id, schema_uuid, begin_snapshot, schema_name, path, path_is_relative)
     VALUES (0, ?, 0, 'main', 'main/', ?)`,
    uuid(random),
    true,
  );
  if (!isOfOneNode) return;
  await sql.run(`INSERT INTO openwit_meta VALUES ('node_id', ?), ('next_batch_id', '1')`, randomHex(random, 4));
}

/** Files have tiers and owners, what is in no table is kept as garbage, and each node has batches of its own. */
async function keepTiersAndGarbage(sql: SqlSession, dialect: SqlDialect): Promise<void> {
  await sql.exec(
    dialect.definitions(`
ALTER TABLE openwit_files ADD COLUMN tier TEXT NOT NULL DEFAULT 'hot';
ALTER TABLE openwit_files ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE openwit_files ADD COLUMN empty_columns TEXT NOT NULL DEFAULT '[]';
ALTER TABLE openwit_files ADD COLUMN node_id TEXT NOT NULL DEFAULT '';
UPDATE openwit_files SET node_id = (SELECT value FROM openwit_meta WHERE key = 'node_id');

CREATE TABLE openwit_nodes(node_id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, next_batch_id INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO openwit_nodes(node_id, epoch, next_batch_id)
  SELECT value, 0, (SELECT CAST(value AS INTEGER) FROM openwit_meta WHERE key = 'next_batch_id')
  FROM openwit_meta WHERE key = 'node_id';
DELETE FROM openwit_meta WHERE key = 'next_batch_id';

ALTER TABLE openwit_ranges RENAME TO openwit_ranges_before;
CREATE TABLE openwit_ranges(node_id TEXT NOT NULL, batch_id INTEGER NOT NULL, through_lsn INTEGER NOT NULL, PRIMARY KEY (node_id, batch_id)) WITHOUT ROWID;
INSERT INTO openwit_ranges(node_id, batch_id, through_lsn)
  SELECT (SELECT value FROM openwit_meta WHERE key = 'node_id'), batch_id, through_lsn FROM openwit_ranges_before;
DROP TABLE openwit_ranges_before;

CREATE TABLE openwit_garbage(path TEXT PRIMARY KEY, node_id TEXT NOT NULL, since_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX openwit_garbage_of_node ON openwit_garbage(node_id, since_ms);

CREATE INDEX openwit_ended_files ON ducklake_data_file(end_snapshot) WHERE end_snapshot IS NOT NULL;
CREATE INDEX openwit_file_paths ON ducklake_data_file(path);
CREATE INDEX openwit_tables ON ducklake_table(table_id);
CREATE INDEX openwit_table_stats ON ducklake_table_stats(table_id);
CREATE INDEX openwit_table_column_stats ON ducklake_table_column_stats(table_id);
DROP INDEX openwit_file_stats;
CREATE INDEX openwit_stats_of_files ON ducklake_file_column_stats(data_file_id, column_id);
`),
  );
}

/** A node that was taken over says by whom. */
async function nameHolders(sql: SqlSession, dialect: SqlDialect): Promise<void> {
  await sql.exec(
    dialect.definitions(`
ALTER TABLE openwit_nodes ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE openwit_nodes ADD COLUMN since_ms INTEGER NOT NULL DEFAULT 0;
`),
  );
}

/** Files have indexes. */
async function keepIndexes(sql: SqlSession, dialect: SqlDialect): Promise<void> {
  await sql.exec(
    dialect.definitions(`
CREATE TABLE openwit_indexes(data_file_id INTEGER PRIMARY KEY, name TEXT NOT NULL, size_bytes INTEGER NOT NULL, end_bytes INTEGER NOT NULL, version INTEGER NOT NULL, columns TEXT NOT NULL);
`),
  );
}

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const VERSION = '1.5.5';
const PACKAGES = [
  'duckdb',
  'duckdb-extension-ducklake',
  'duckdb-extension-sqlite-scanner',
  'duckdb-extension-postgres-scanner',
];
const VENV = join(import.meta.dirname, '../../.cache', `duckdb-${VERSION}`);
const PYTHON = join(VENV, 'bin/python');
const INSTALL_TIMEOUT_MS = 240_000;
const READ_TIMEOUT_MS = 60_000;

/** Attaches the catalog as a stranger does, and prints the rows of one query as JSON. */
const SCRIPT = `
import glob, json, os, site, sys, duckdb
catalog, sql = sys.argv[1:]
db = duckdb.connect()
for name in ('sqlite_scanner', 'postgres_scanner', 'ducklake'):
    path = os.path.join(site.getsitepackages()[0], 'duckdb_extension_' + name, 'extensions', '*', name + '.duckdb_extension')
    db.execute("LOAD '" + glob.glob(path)[0] + "'")
db.execute("SET TimeZone = 'UTC'")
kind = 'postgres' if catalog.startswith('postgres:') else 'sqlite'
db.execute("ATTACH 'ducklake:" + kind + ":" + catalog + "' AS wit (READ_ONLY)")
print(json.dumps(db.execute(sql).fetchall()))
`;

/** An independent DuckDB with its DuckLake extension, from PyPI. */
export interface DuckDbReader {
  /**
   * Rows of text and numbers, of a query over the attached catalog `wit`.
   * @param catalog the path of its SQLite file, or the connection string of its Postgres
   */
  read(catalog: string, sql: string): Promise<(string | number | null)[][]>;
}

/** The reader, or why this machine has none. */
export async function duckDbReader(): Promise<DuckDbReader | { readonly missing: string }> {
  try {
    if (!existsSync(PYTHON)) await run('python3', ['-m', 'venv', VENV], { timeout: INSTALL_TIMEOUT_MS });
    const wanted = PACKAGES.map((name) => `${name}==${VERSION}`);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...wanted];
    await run(PYTHON, pip, { timeout: INSTALL_TIMEOUT_MS });
  } catch (error) {
    return { missing: `DuckDB ${VERSION} cannot be installed from PyPI: ${(error as Error).message.slice(0, 200)}` };
  }
  return {
    async read(catalog, sql) {
      const options = { timeout: READ_TIMEOUT_MS, maxBuffer: 256 * 1024 * 1024 };
      const { stdout } = await run(PYTHON, ['-c', SCRIPT, catalog, sql], options);
      return JSON.parse(stdout) as (string | number | null)[][];
    },
  };
}

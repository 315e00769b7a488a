import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chown, cp, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { type Found, pythonWith } from './python-packages.ts';

const run = promisify(execFile);
const STEP_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const DEBIAN = '/usr/lib/postgresql';
/** The server's programs and nothing else: for machines that have none. */
const PACKAGE = 'embedded-postgres==18.6.3';
/** Debian's `nobody`: any user will do but root, as whom Postgres does not run. */
const NOBODY = { uid: 65_534, gid: 65_534 };

/** A real Postgres, on a free port of the loopback interface, with a data folder of its own. */
export interface PostgresServer {
  /** Makes an empty database. @returns its connection string */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

/** The server, or why this machine has none. */
export async function startPostgres(): Promise<Found<PostgresServer>> {
  const folder = await mkdtemp(join(tmpdir(), 'openwit-postgres-'));
  try {
    const programs = await findPrograms(folder);
    if ('found' in programs) return { found: await start(programs.found, folder) };
    await rm(folder, { recursive: true, force: true });
    return programs;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    const { stderr = '', message } = error as Error & { stderr?: string };
    return { missing: `Postgres does not start: ${stderr.trim() || message}` };
  }
}

async function start(programs: string, folder: string): Promise<PostgresServer> {
  const user = process.getuid?.() === 0 ? await serverUser() : undefined;
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const options = { ...user, cwd: folder, timeout: STEP_TIMEOUT_MS };
  const data = join(folder, 'data');
  const initdb = ['--pgdata', data, '--username', 'openwit', '--auth', 'trust', '--encoding', 'UTF8', '--no-sync'];
  await run(join(programs, 'initdb'), [...initdb, '--locale', 'C'], options);
  const port = await freePort();
  // The machine survives the test: nothing need be on its disk.
  const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', fsync: 'off' };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(join(programs, 'postgres'), ['-D', data, ...flags], { ...user, cwd: folder, stdio: 'ignore' });
  const kill = () => void server.kill('SIGQUIT');
  process.once('exit', kill);
  const stop = async () => {
    process.off('exit', kill);
    await end(server);
    await rm(folder, { recursive: true, force: true });
  };
  const url = (database: string) => `postgres://openwit@127.0.0.1:${port}/${database}`;
  try {
    await untilReady(server, url('postgres'));
  } catch (error) {
    await stop();
    throw error;
  }
  let databases = 0;
  return {
    async createDatabase() {
      const name = `catalog_${++databases}`;
      await query(url('postgres'), `CREATE DATABASE ${name}`);
      return url(name);
    },
    stop,
  };
}

/** Rows of one statement, over a connection of its own. */
export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5000,
    query_timeout: STEP_TIMEOUT_MS,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function untilReady(server: ChildProcess, url: string): Promise<void> {
  const failed = new Promise<never>((_, reject) => {
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`it ended, code=${code}`)));
  });
  failed.catch(() => {});
  for (const until = Date.now() + START_TIMEOUT_MS; ; ) {
    try {
      await Promise.race([query(url, 'SELECT 1'), failed]);
      return;
    } catch (error) {
      if (server.exitCode !== null || Date.now() > until) throw error;
      await delay(50);
    }
  }
}

/** A fast shutdown: connections are cut. */
async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGINT');
  const timer = setTimeout(() => server.kill('SIGQUIT'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

/**
 * The folder of `initdb` and `postgres`.
 * @param copies where programs are put that the server's user could not reach in this tree
 */
async function findPrograms(copies: string): Promise<Found<string>> {
  const debian = await readdir(DEBIAN).catch(() => []);
  const versions = debian.sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN, version, 'bin'));
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...versions]) {
    const has = (name: string) =>
      stat(join(folder, name)).then(
        (file) => file.isFile(),
        () => false,
      );
    if ((await has('initdb')) && (await has('postgres'))) return { found: folder };
  }
  const python = await pythonWith([PACKAGE]);
  if ('missing' in python) return python;
  const script = 'import embedded_postgres; print(embedded_postgres.__path__[0])';
  const { stdout } = await run(python.found, ['-c', script], { timeout: STEP_TIMEOUT_MS });
  // Programs find their libraries beside their package.
  for (const name of ['embedded_postgres', 'embedded_postgres.libs']) {
    await cp(join(dirname(stdout.trim()), name), join(copies, name), { recursive: true });
  }
  return { found: join(copies, 'embedded_postgres/pginstall/bin') };
}

async function serverUser(): Promise<{ uid: number; gid: number }> {
  const idOf = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout);
  return Promise.all([idOf('-u'), idOf('-g')]).then(
    ([uid, gid]) => ({ uid, gid }),
    () => NOBODY,
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

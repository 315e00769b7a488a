import { bytesWithIndex, type DataFile, indexPath, placesOf } from '@openwit/ports';
import { planCompaction } from '../../packages/storage/src/compaction/plan-compaction.ts';
import { planIndexes } from '../../packages/storage/src/indexing/plan-indexes.ts';
import type { Sources } from './actors/ingester.ts';
import { Violation } from './ledger.ts';
import { DATA_PATH, type Node, WAL_PATH } from './node.ts';
import { type RunSettings, SIGNALS, TENANTS } from './run-settings.ts';
import { type Row, rowsOfBatch } from './sim-files.ts';
import { contentOf, keysOf, pathsBelow } from './stored-content.ts';
import type { World } from './world.ts';

/** No file without a row, and no row without its file, on the disk and in the buckets. */
export async function checkFiles(world: World): Promise<void> {
  const { truth } = world;
  const live: DataFile[] = [];
  for (const { tenant, table } of await truth.tables()) live.push(...(await truth.files(tenant, table)));
  const retired = await truth.retiredPaths();
  const garbage = (await truth.garbage()).map(({ path }) => path);
  const known = new Set([...live.flatMap(placesOf), ...retired, ...garbage]);
  for (const path of await pathsBelow(world, DATA_PATH)) {
    if (!known.has(path)) throw new Violation(`a file has no row, path=${path}`);
  }
  for (const bucket of world.buckets) {
    for (const key of await keysOf(bucket)) {
      if (known.has(`${bucket.inner.url}/${key}`) || bucket.lateKeys.has(key)) continue;
      throw new Violation(`an object has no row, store=${bucket.name} key=${key}`);
    }
  }
  for (const { path, rows, index } of live) {
    const content = await contentOf(world, path);
    if (content === undefined) throw new Violation(`a row has no file, path=${path}`);
    if (content.length !== rows) throw new Violation(`a file has ${content.length} rows, not ${rows}, path=${path}`);
    if (index === undefined) continue;
    const indexed = await contentOf(world, indexPath(path, index));
    if (indexed?.length !== rows)
      throw new Violation(`an index has ${indexed?.length} rows, not ${rows}, path=${path}`);
  }
  for (const path of retired) {
    if ((await contentOf(world, path)) === undefined) throw new Violation(`an old row has no file, path=${path}`);
  }
}

/** All tables as they are now, each record once. */
export async function checkTables(world: World, node: Node): Promise<void> {
  for (const tenant of TENANTS) {
    for (const table of SIGNALS) {
      const { stored, open } = node.snapshot(tenant, table);
      const expected = world.ledger.expect(tenant, table);
      const { batches, files } = stored.tables.get(table)!;
      const rows: Row[] = [...open, ...batches.flatMap(({ batch }) => rowsOfBatch(table, batch))];
      for (const { path } of files) {
        const content = await contentOf(world, path);
        if (content === undefined) throw new Violation(`${tenant}/${table}: a file is not there, path=${path}`);
        rows.push(...content);
      }
      stored.release();
      world.ledger.check(
        `${tenant}/${table}`,
        expected,
        rows.map(([id]) => id),
      );
    }
  }
}

/** No byte of deleted records is anywhere, but in objects that the network brought late, until they are swept. */
export async function checkErased(world: World): Promise<void> {
  const erased = new Set([...world.ledger.records].filter(({ isErased }) => isErased).map(({ id }) => id));
  if (erased.size === 0) return;
  const look = (where: string, bytes: Uint8Array): void => {
    for (const [id] of Buffer.from(bytes)
      .toString('latin1')
      .matchAll(/r\d+\./g)) {
      if (erased.has(id)) throw new Violation(`${id} was deleted, and is in ${where}`);
    }
  };
  for (const path of [...(await pathsBelow(world, DATA_PATH)), ...(await pathsBelow(world, WAL_PATH))]) {
    const file = await world.disk.open(path, 'read');
    const bytes = new Uint8Array(await file.size());
    await file.read(bytes, 0);
    look(path, bytes);
  }
  for (const bucket of world.buckets) {
    for (const key of await keysOf(bucket)) {
      if (!bucket.lateKeys.has(key)) look(`${bucket.name} ${key}`, await bucket.inner.get(key));
    }
  }
}

/** A source goes on behind what was acknowledged of it, never further. */
export async function checkSources(world: World, sources: Sources): Promise<void> {
  for (const { source, next } of await world.truth.sourcePositions()) {
    const acknowledged = sources.next(source);
    // The answer to the last request of a process that died was not heard.
    if (next > acknowledged + 1) throw new Violation(`${source} stands at ${next}, acknowledged up to ${acknowledged}`);
    sources.acknowledged.set(source, Math.max(next, acknowledged));
  }
}

/** Whether something is to be removed yet. */
export async function isBusy({ truth }: World): Promise<boolean> {
  return (await truth.garbage()).length + (await truth.retiredPaths()).length > 0;
}

interface RestSettings {
  readonly settings: RunSettings;
  /** The process was started after all trouble. */
  readonly isFresh: boolean;
}

/** When nothing goes wrong any more and all is done: nothing is left to do. */
export async function checkRest(world: World, node: Node, { settings, isFresh }: RestSettings): Promise<void> {
  const { truth, clock } = world;
  const garbage = await truth.garbage();
  if (garbage.length > 0) throw new Violation(`garbage is left, path=${garbage[0]!.path}`);
  const [retired] = await truth.retiredPaths();
  if (retired !== undefined) throw new Violation(`an old file is left, path=${retired}`);
  const { hotBytes = Infinity, compaction } = settings.store;
  let hot = 0;
  for (const { tenant, table } of await truth.tables()) {
    const all = await truth.files(tenant, table);
    const limits = { stableBytes: 0, delayMs: 0, ageMs: () => Infinity };
    const [bare] = planIndexes([{ tenant, table, files: all }], limits);
    if (bare !== undefined) throw new Violation(`${tenant}/${table}: a file has no index, path=${bare.file.path}`);
    const files = all.filter(({ tier }) => tier === 'hot');
    hot += files.reduce((sum, file) => sum + bytesWithIndex(file), 0);
    const jobs = planCompaction(files, clock.now(), () => Infinity, compaction as Parameters<typeof planCompaction>[3]);
    if (jobs.length > 0) throw new Violation(`${tenant}/${table}: ${jobs[0]!.files.length} files are left to merge`);
    const tooOften = files.find(({ generation }) => generation > MOST_GENERATIONS);
    if (tooOften !== undefined)
      throw new Violation(`rows were written ${tooOften.generation} times, path=${tooOften.path}`);
  }
  if (settings.hasCold && hot > 0.8 * hotBytes) throw new Violation(`the hot tier has ${hot} bytes of ${hotBytes}`);
  const { segments } = node.wal.stats();
  if (segments > 1) throw new Violation(`the log has ${segments} segments`);
  const ranges = await truth.committedRanges();
  // Whoever could not forget them only has more to read at the next start.
  if (isFresh && ranges.length > 0) throw new Violation(`${ranges.length} ranges are not forgotten`);
}

/** A run has some hundred files: as powers of three, and twice at the ends of hours and days. */
const MOST_GENERATIONS = 9;

/** What retention has to remove is not there any more. */
export async function checkExpired(world: World): Promise<void> {
  const expired = new Set(world.ledger.expired(world.clock.now()).map(({ id }) => id));
  for (const { tenant, table } of await world.truth.tables()) {
    for (const { path } of await world.truth.files(tenant, table)) {
      const rows = (await contentOf(world, path)) ?? [];
      if (rows.length > 0 && rows.every(([id]) => expired.has(id))) {
        throw new Violation(`${tenant}/${table}: all of a file is older than is kept, path=${path}`);
      }
    }
  }
}

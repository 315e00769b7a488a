import { setImmediate as turn } from 'node:timers/promises';
import type { DataFile, Snapshot } from '@openwit/ports';
import { DrivenClock, FaultyFileSystem, MemoryFileSystem } from '@openwit/ports/testing';
import { LsmStore } from '../lsm-store.ts';
import type { LsmStoreCollaborators, LsmStoreSettings } from '../lsm-store-settings.ts';
import { bodiesOf, fakeMerger, fakeWriters, openCatalog, rowsOfFile, sealedLogs } from './store-fixture.ts';

export const RETENTION_MS = 30_000;
const STEP_MS = 1000;

/** A store on a file system in memory, with a clock that a test drives. */
export class StorePlace {
  readonly clock: DrivenClock = new DrivenClock();
  readonly memory: MemoryFileSystem;
  readonly fileSystem: FaultyFileSystem;
  readonly merger: ReturnType<typeof fakeMerger>;
  catalog!: Awaited<ReturnType<typeof openCatalog>>;
  store!: LsmStore;
  #batches = 0;

  static async make(
    parts: Partial<LsmStoreCollaborators> = {},
    settings: Partial<LsmStoreSettings> = {},
  ): Promise<StorePlace> {
    const place = new StorePlace(new MemoryFileSystem());
    place.catalog = await openCatalog(place.clock);
    await place.reopen(parts, settings);
    return place;
  }

  constructor(memory: MemoryFileSystem) {
    this.memory = memory;
    this.fileSystem = new FaultyFileSystem(memory);
    this.merger = fakeMerger(memory);
  }

  async reopen(
    parts: Partial<LsmStoreCollaborators> = {},
    settings: Partial<LsmStoreSettings> = {},
  ): Promise<StorePlace> {
    const { catalog, fileSystem, clock, merger } = this;
    this.store = await LsmStore.open(
      { catalog, fileSystem, clock, writers: fakeWriters, merger, ...parts },
      { dataPath: '/data', nodeId: 'cafe0001', snapshotRetentionMs: RETENTION_MS, ...settings },
    );
    return this;
  }

  /** Batches of two rows each. */
  async fill(count: number, table: 'logs' | 'traces' = 'logs'): Promise<void> {
    for (let i = 0; i < count; i++) await this.store.append({ ...sealedLogs(++this.#batches, 2), table });
  }

  /** The clock goes on, a little at a time, with all that happens meanwhile. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.clock.advance(Math.min(left, STEP_MS));
      await this.settle(20);
    }
  }

  /** Until nothing moves without the clock. */
  async settle(turns = 300): Promise<void> {
    for (let i = 0; i < turns; i++) await turn();
  }

  files(table: 'logs' | 'traces' = 'logs'): readonly DataFile[] {
    const snapshot = this.store.snapshot('acme', [table]);
    snapshot.release();
    return snapshot.tables.get(table)!.files;
  }

  /** `active` or `stable`, a file. */
  names(table: 'logs' | 'traces' = 'logs'): string[] {
    return this.files(table).map(({ path }) => path.split('/').at(-1)!.split('-')[0]!);
  }

  /** What a query reads now, or out of an older snapshot. */
  async rows(snapshot?: Snapshot): Promise<string[]> {
    const read = snapshot ?? this.store.snapshot('acme', ['logs']);
    const { batches, files } = read.tables.get('logs')!;
    const rows = batches.flatMap(bodiesOf);
    for (const { path } of files) rows.push(...(await rowsOfFile(this.memory, path)));
    if (snapshot === undefined) read.release();
    return rows;
  }

  async paths(folder = '/data'): Promise<string[]> {
    const paths: string[] = [];
    for (const { name, isFolder } of await this.memory.list(folder)) {
      if (isFolder) paths.push(...(await this.paths(`${folder}/${name}`)));
      else paths.push(`${folder}/${name}`);
    }
    return paths;
  }
}

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AroundRequest,
  type DataFile,
  type FileRead,
  nodeFileSystem,
  type ObjectStore,
  surrounded,
} from '@openwit/ports';
import { FaultyFileSystem, randomRows, SeededRandom } from '@openwit/ports/testing';
import type { MemoryObjectStore } from '../objects/memory-object-store.ts';
import { metered, RequestCounts } from '../objects/metered.ts';
import { footerSpan, parquetLayout, spansOf } from '../parquet/parquet-layout.ts';
import { ColdCache, type ColdSnapshot } from '../tiers/cold-cache.ts';
import type { ColdCacheSettings } from '../tiers/cold-settings.ts';
import { memoryStore, moved } from './cold-objects.ts';
import { StoredFiles } from './stored-files.ts';

/** Files in a store in memory, and caches of them. */
export class ColdFixture {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'openwit-cold-'));
  readonly objects: MemoryObjectStore = memoryStore({ latencyMs: [1, 5], restoreMs: 200 });
  readonly counts: RequestCounts = new RequestCounts();
  readonly store: ObjectStore;
  readonly fileSystem: FaultyFileSystem = new FaultyFileSystem(nodeFileSystem);
  readonly files: DataFile[] = [];
  /** Requests under way, and the most that ever were. */
  inFlight = 0;
  mostInFlight = 0;
  aborted = 0;
  readonly #bytes = new Map<number, Buffer>();
  #cache: ColdCache | undefined;

  static async open(files = 3, rows = 200): Promise<ColdFixture> {
    const fixture = new ColdFixture();
    const stored = new StoredFiles('logs');
    for (let i = 0; i < files; i++) {
      const file = stored.active(randomRows('logs', new SeededRandom(i), rows));
      fixture.#bytes.set(file.fileId, readFileSync(file.path));
      fixture.files.push(await moved(fixture.objects, file));
    }
    stored.remove();
    return fixture;
  }

  private constructor() {
    this.store = surrounded(metered(this.objects, this.counts.add), this.#watch);
  }

  async cache(settings: Partial<ColdCacheSettings> = {}): Promise<ColdCache> {
    const { folder, store, fileSystem } = this;
    const all = { folder, gapBytes: 1, tailBytes: 100, ...settings };
    this.#cache = await ColdCache.open({ stores: [store], fileSystem }, all);
    return this.#cache;
  }

  read(file: DataFile, ...columns: string[]): FileRead {
    return { file, columns };
  }

  /** Fetches and checks what is at the paths. */
  async localise(reads: ColdSnapshot, wanted: readonly FileRead[], signal?: AbortSignal): Promise<void> {
    const paths = await reads.localise(wanted, signal);
    for (const read of wanted) this.check(paths.get(read.file.fileId)!, read);
  }

  check(path: string, { file, columns }: FileRead): void {
    const local = readFileSync(path);
    const object = this.#bytes.get(file.fileId)!;
    assert.equal(local.length, object.length);
    for (const { start, end } of this.spans(file, columns)) {
      assert.ok(local.subarray(start, end).equals(object.subarray(start, end)), `bytes ${start} to ${end} of ${path}`);
    }
  }

  spans(file: DataFile, columns: readonly string[] | 'all'): { start: number; end: number }[] {
    const object = this.#bytes.get(file.fileId)!;
    const footer = footerSpan(object.subarray(-8), object.length);
    return spansOf(parquetLayout(object.subarray(footer.start), footer), columns);
  }

  key({ path }: DataFile): string {
    return path.slice(this.store.url.length + 1);
  }

  bytesOf(file: DataFile): Buffer {
    return this.#bytes.get(file.fileId)!;
  }

  localFiles(): string[] {
    return readdirSync(this.folder);
  }

  async close(): Promise<void> {
    await this.#cache?.close();
    rmSync(this.folder, { recursive: true });
  }

  readonly #watch: AroundRequest = async (_, send, signal) => {
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    try {
      return await send(signal);
    } catch (error) {
      if (signal?.aborted) this.aborted++;
      throw error;
    } finally {
      this.inFlight--;
    }
  };
}

import { join } from 'node:path';
import type { FileSystem } from '@openwit/ports';
import type { Span } from '../byte-spans.ts';
import { ColdFile, type ObjectPlace } from './cold-file.ts';

const OWN_NAME = /^cold-[0-9a-f]+\.parquet$/;

/** The sparse files in their folder, the least recently used first, and the room that they take. */
export class ColdShelf {
  readonly #fileSystem: FileSystem;
  readonly #folder: string;
  readonly #maxBytes: number;
  /** By URL. */
  readonly #files = new Map<string, ColdFile>();
  /** Out of the map, but queries still have them. */
  readonly #discarded = new Set<ColdFile>();
  readonly #removals = new Set<Promise<void>>();
  /** Removed from the shelf, and not from the disk: why that failed. */
  readonly #leftovers = new Map<ColdFile, unknown>();
  #heldBytes = 0;
  #reservedBytes = 0;
  #evictedBytes = 0;
  #made = 0;

  /** Empties the folder: what a crash left in a sparse file may be anything. */
  static async open(fileSystem: FileSystem, folder: string, maxBytes: number): Promise<ColdShelf> {
    await fileSystem.makeFolder(folder);
    for (const { name } of await fileSystem.list(folder)) {
      if (OWN_NAME.test(name)) await fileSystem.remove(join(folder, name));
    }
    return new ColdShelf(fileSystem, folder, maxBytes);
  }

  private constructor(fileSystem: FileSystem, folder: string, maxBytes: number) {
    this.#fileSystem = fileSystem;
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get evictedBytes(): number {
    return this.#evictedBytes;
  }

  get size(): number {
    return this.#files.size;
  }

  /** The file of a URL, empty when it is new; it stays until it is put back. */
  take(url: string, place: () => ObjectPlace): ColdFile {
    const file = this.#files.get(url) ?? this.#new(place());
    this.#use(url, file);
    file.pins++;
    return file;
  }

  putBack(url: string, file: ColdFile): void {
    if (--file.pins > 0) return;
    file.isGiven = false;
    if (file.isDiscarded) this.#remove(file);
    else this.#use(url, file);
  }

  /** An empty file in the place of one that only its caller has, whose bytes are free then. */
  replace(url: string, file: ColdFile): ColdFile {
    this.#files.delete(url);
    this.#evict(file);
    const fresh = this.#new(file.place);
    fresh.pins = 1;
    fresh.footer = file.footer;
    this.#use(url, fresh);
    return fresh;
  }

  /** What is in it is wrong: the next query gets a new one. */
  discard(url: string, file: ColdFile): void {
    if (file.isDiscarded) return;
    file.isDiscarded = true;
    this.#files.delete(url);
    this.#discarded.add(file);
  }

  /**
   * Nothing of these URLs is to be here any more; what a query has of them goes when it is put back.
   * @returns why, for those of which something is left on the disk
   */
  async forget(urls: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    for (const url of urls) {
      const file = this.#files.get(url);
      if (file === undefined) continue;
      if (file.pins > 0) this.discard(url, file);
      else {
        this.#files.delete(url);
        this.#remove(file);
      }
    }
    this.#removeLeftovers();
    await Promise.all(this.#removals);
    const forgotten = new Set(urls);
    const left = [...this.#leftovers].map(([{ url }, error]) => [url, error] as const);
    return new Map(left.filter(([url]) => forgotten.has(url)));
  }

  /** Evicts until there is room for so many bytes more; false when queries have all that is left. */
  makeRoom(bytes: number): boolean {
    while (this.#heldBytes + this.#reservedBytes + bytes > this.#maxBytes) {
      if (this.#evictOldest() === undefined) return false;
    }
    return true;
  }

  /** For a full disk: gives back at least so many bytes, if it can. @returns false when it could give none */
  async giveBack(bytes: number): Promise<boolean> {
    let given = 0;
    while (given < bytes) {
      const evicted = this.#evictOldest();
      if (evicted === undefined) break;
      given += evicted;
    }
    await Promise.all(this.#removals);
    return given > 0;
  }

  reserve(bytes: number): void {
    this.#reservedBytes += bytes;
  }

  unreserve(bytes: number): void {
    this.#reservedBytes -= bytes;
  }

  hold(file: ColdFile, span: Span): void {
    this.#heldBytes += file.hold(span);
  }

  async close(): Promise<void> {
    for (const file of [...this.#files.values(), ...this.#discarded]) this.#remove(file);
    this.#files.clear();
    await Promise.all(this.#removals);
  }

  #new(place: ObjectPlace): ColdFile {
    // A name never comes again, for whoever remembers something of a path.
    const name = `cold-${(++this.#made).toString(16).padStart(8, '0')}.parquet`;
    return new ColdFile(this.#fileSystem, place, join(this.#folder, name));
  }

  #use(url: string, file: ColdFile): void {
    this.#files.delete(url);
    this.#files.set(url, file);
  }

  #evictOldest(): number | undefined {
    for (const [url, file] of this.#files) {
      if (file.pins > 0) continue;
      this.#files.delete(url);
      return this.#evict(file);
    }
    return undefined;
  }

  #evict(file: ColdFile): number {
    const bytes = file.heldBytes;
    this.#evictedBytes += bytes;
    this.#remove(file);
    return bytes;
  }

  #remove(file: ColdFile): void {
    if (file.isRemoved) return;
    file.isRemoved = true;
    file.isDiscarded = true;
    this.#heldBytes -= file.heldBytes;
    this.#discarded.delete(file);
    this.#unlink(file);
    this.#removeLeftovers();
  }

  #removeLeftovers(): void {
    const files = [...this.#leftovers.keys()];
    this.#leftovers.clear();
    for (const file of files) this.#unlink(file);
  }

  #unlink(file: ColdFile): void {
    const removal = file.remove().catch((error: unknown) => void this.#leftovers.set(file, error));
    this.#removals.add(removal);
    void removal.finally(() => this.#removals.delete(removal));
  }
}

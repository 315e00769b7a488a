import type { FileSystem, ObjectStore, OpenFile } from '@openwit/ports';
import { bytesIn, joined, type Span, without } from '../byte-spans.ts';
import { readBytes } from '../objects/file-content.ts';
import type { Flight } from './flight.ts';

/** The object that a file of the catalog is. */
export interface ObjectPlace {
  readonly store: ObjectStore;
  readonly key: string;
  readonly sizeBytes: number;
}

/** The sparse copy of an object: of the same size, with what was fetched of it in its place. */
export class ColdFile {
  readonly place: ObjectPlace;
  readonly localPath: string;
  /** Requests under way that will be written to it. */
  readonly flights: Set<Flight> = new Set();
  /** Queries that have it. */
  pins = 0;
  /** One of them knows its path: it must stay where it is. */
  isGiven = false;
  /** Nobody finds it any more. */
  isDiscarded = false;
  isRemoved = false;
  footer: Span | undefined;
  #held: Span[] = [];
  readonly #fileSystem: FileSystem;
  readonly #writes = new Set<Promise<void>>();
  #made: Promise<void> | undefined;

  constructor(fileSystem: FileSystem, place: ObjectPlace, localPath: string) {
    this.#fileSystem = fileSystem;
    this.place = place;
    this.localPath = localPath;
  }

  get url(): string {
    return `${this.place.store.url}/${this.place.key}`;
  }

  /** What is here of it, in order and apart. */
  get held(): readonly Span[] {
    return this.#held;
  }

  get heldBytes(): number {
    return bytesIn(this.#held);
  }

  /** Bytes that are here and not in the spans. */
  surplusBytes(spans: readonly Span[]): number {
    return bytesIn(without(this.#held, spans));
  }

  /** What of the spans is neither here nor under way. */
  missing(spans: readonly Span[]): Span[] {
    return without(spans, [...this.#held, ...[...this.flights].map(({ span }) => span)]);
  }

  /** @returns how many bytes came new */
  hold(span: Span): number {
    const before = this.heldBytes;
    this.#held = joined([...this.#held, span]);
    return this.heldBytes - before;
  }

  /** What was written counts only when it is held: a write that fails may have written a part. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    const write = this.#write(bytes, position);
    this.#writes.add(write);
    try {
      await write;
    } finally {
      this.#writes.delete(write);
    }
  }

  async read({ start, end }: Span): Promise<Uint8Array> {
    const file = await this.#fileSystem.open(this.localPath, 'read');
    try {
      return await readBytes(file, start, end - start);
    } finally {
      await file.close();
    }
  }

  async remove(): Promise<void> {
    await Promise.allSettled(this.#writes);
    await this.#fileSystem.remove(this.localPath);
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    this.#made ??= this.#make();
    try {
      await this.#made;
    } catch (error) {
      this.#made = undefined;
      throw error;
    }
    await this.#with('write', (file) => file.write([bytes], position));
  }

  async #make(): Promise<void> {
    await this.#fileSystem.remove(this.localPath);
    await this.#with('create', (file) => file.truncate(this.place.sizeBytes));
  }

  async #with(mode: 'create' | 'write', use: (file: OpenFile) => Promise<void>): Promise<void> {
    const file = await this.#fileSystem.open(this.localPath, mode);
    try {
      await use(file);
    } finally {
      await file.close();
    }
  }
}

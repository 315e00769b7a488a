import {
  type DataFile,
  type FileRead,
  type IndexRead,
  indexPath,
  isOpenWitError,
  type LocalIndex,
} from '@openwit/ports';
import { bytesIn, joined, type Span } from '../byte-spans.ts';
import { objectCorrupt } from '../objects/object-errors.ts';
import { TAIL_BYTES } from '../parquet/footer-bytes.ts';
import { footerSpan, spansOf } from '../parquet/parquet-layout.ts';
import { cacheBroken, cacheInUse, isArchived, queryTooLarge, wasReleased } from './cold-errors.ts';
import type { ColdFile, ObjectPlace } from './cold-file.ts';
import type { ColdSettings } from './cold-settings.ts';
import type { ColdShelf } from './cold-shelf.ts';
import { landed } from './flight.ts';
import type { Layouts } from './layouts.ts';
import type { RangeFetcher } from './range-fetcher.ts';

export interface ColdReadsParts {
  readonly shelf: ColdShelf;
  readonly fetcher: RangeFetcher;
  readonly layouts: Layouts;
  readonly settings: ColdSettings;
  readonly locate: (url: string, sizeBytes: number) => ObjectPlace;
  readonly counted: (hits: number, misses: number) => void;
}

/** A file that a query reads, or its index. */
interface Entry {
  readonly url: string;
  readonly fileId: number;
  readonly columns: Set<string> | 'all';
  /** Undefined: all. */
  readonly rows: Uint32Array | undefined;
  file: ColdFile;
  /** What must be here. */
  wanted: readonly Span[];
  isMiss: boolean;
}

/** The remote files of one snapshot. */
export class ColdReads {
  readonly #parts: ColdReadsParts;
  readonly #files = new Map<string, ColdFile>();
  readonly #released = new AbortController();

  constructor(parts: ColdReadsParts) {
    this.#parts = parts;
  }

  /** See `Snapshot.localise`. First the ends of all files, then what of their footers is longer, then the columns. */
  readonly localise = async (
    reads: readonly FileRead[],
    caller?: AbortSignal,
  ): Promise<ReadonlyMap<number, string>> => {
    const signal = caller === undefined ? this.#released.signal : AbortSignal.any([caller, this.#released.signal]);
    signal.throwIfAborted();
    const entries = this.#take(reads);
    const { tailBytes, gapBytes } = this.#parts.settings;
    await this.#bring(entries, signal, ({ file }) => [file.footer ?? endOf(file, tailBytes)]);
    for (const entry of entries) await this.#checked(entry, () => this.#findFooter(entry.file), signal);
    await this.#bring(entries, signal, ({ file, wanted }) => joined([...wanted, file.footer!]));
    for (const entry of entries) {
      const layout = await this.#checked(entry, () => this.#parts.layouts.of(entry.file), signal);
      entry.wanted = joined([...entry.wanted, ...spansOf(layout, entry.columns, entry.rows)], gapBytes);
    }
    await this.#bring(entries, signal, ({ wanted }) => wanted);
    this.#give(entries);
    return new Map(entries.map(({ fileId, file }) => [fileId, file.localPath]));
  };

  /** See `Snapshot.localiseIndexes`. Of what is between the ranges nothing is brought: indexes know what they need. */
  readonly localiseIndexes = async (
    reads: readonly IndexRead[],
    caller?: AbortSignal,
  ): Promise<ReadonlyMap<number, LocalIndex>> => {
    const signal = caller === undefined ? this.#released.signal : AbortSignal.any([caller, this.#released.signal]);
    signal.throwIfAborted();
    const entries = reads.map(({ file, ranges }) => {
      const index = file.index!;
      const spans = joined(ranges.map(([start, end]) => ({ start, end })));
      return this.#entry({ fileId: file.fileId, path: indexPath(file.path, index), sizeBytes: index.sizeBytes }, spans);
    });
    await this.#bring(entries, signal, ({ wanted }) => wanted);
    this.#give(entries);
    return new Map(
      entries.map(({ fileId, file: { localPath, held } }) => [
        fileId,
        { path: localPath, present: held.map(({ start, end }) => [start, end] as const) },
      ]),
    );
  };

  readonly release = (): void => {
    this.#released.abort(wasReleased());
    for (const [url, file] of this.#files) this.#parts.shelf.putBack(url, file);
    this.#files.clear();
  };

  #take(reads: readonly FileRead[]): Entry[] {
    const entries = new Map<string, Entry>();
    for (const { file: data, columns, rows } of reads) {
      const url = data.path;
      const known = entries.get(url);
      const all = columns === 'all' || known?.columns === 'all';
      const names = all ? 'all' : new Set([...(known?.columns ?? []), ...columns]);
      // Of a file that is read in two ways, all rows.
      const rowsRead = known === undefined ? rows : undefined;
      entries.set(url, { ...this.#entry(data, []), columns: names, rows: rowsRead });
    }
    return [...entries.values()];
  }

  #entry(
    { fileId, path: url, sizeBytes }: Pick<DataFile, 'fileId' | 'path' | 'sizeBytes'>,
    wanted: readonly Span[],
  ): Entry {
    const { shelf, locate } = this.#parts;
    let file = this.#files.get(url);
    if (file === undefined) {
      file = shelf.take(url, () => locate(url, sizeBytes));
      this.#files.set(url, file);
    }
    return { url, fileId, columns: new Set(), rows: undefined, file, wanted, isMiss: false };
  }

  /** The query knows where they are. */
  #give(entries: readonly Entry[]): void {
    const misses = entries.filter(({ isMiss }) => isMiss).length;
    this.#parts.counted(entries.length - misses, misses);
    for (const { file } of entries) file.isGiven = true;
  }

  async #bring(
    entries: readonly Entry[],
    signal: AbortSignal,
    wantedOf: (entry: Entry) => readonly Span[],
  ): Promise<void> {
    const { fetcher, settings } = this.#parts;
    for (const entry of entries) entry.wanted = wantedOf(entry);
    this.#makeRoom(entries);
    // Nothing waits between here and the last request's start: what was room a moment ago is room.
    const flights = entries.flatMap((entry) => {
      const started = fetcher.start(entry.file, entry.wanted);
      entry.isMiss ||= started.length > 0;
      return started;
    });
    // Of many archived files, all are asked for.
    await landed(flights, signal, (error) => settings.restoreArchived && isArchived(error));
  }

  #makeRoom(entries: readonly Entry[]): void {
    const { maxBytes } = this.#parts.settings;
    const neededBytes = entries.reduce((sum, { wanted }) => sum + bytesIn(wanted), 0);
    if (neededBytes > maxBytes) throw queryTooLarge(neededBytes, maxBytes);
    for (;;) {
      const missing = entries.reduce((sum, { file, wanted }) => sum + bytesIn(file.missing(wanted)), 0);
      if (this.#parts.shelf.makeRoom(missing)) return;
      if (!this.#shrinkOne(entries)) throw cacheInUse(maxBytes);
    }
  }

  /** The query's own files may be full of what other queries read of them. */
  #shrinkOne(entries: readonly Entry[]): boolean {
    const surplus = ({ file, wanted }: Entry): number =>
      file.pins > 1 || file.isGiven || file.isDiscarded || file.flights.size > 0 ? 0 : file.surplusBytes(wanted);
    const largest = entries.reduce<Entry | undefined>(
      (best, entry) => (surplus(entry) > (best === undefined ? 0 : surplus(best)) ? entry : best),
      undefined,
    );
    if (largest === undefined) return false;
    largest.file = this.#parts.shelf.replace(largest.url, largest.file);
    this.#files.set(largest.url, largest.file);
    return true;
  }

  async #findFooter(file: ColdFile): Promise<void> {
    if (file.footer !== undefined) return;
    const { sizeBytes } = file.place;
    file.footer = footerSpan(await file.read(endOf(file, TAIL_BYTES)), sizeBytes);
  }

  /** An object whose footer is damaged is fetched anew by the next query: the damage may have come on its way. */
  async #checked<T>({ url, file }: Entry, read: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      const result = await read();
      signal.throwIfAborted();
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (!isOpenWitError(error)) throw cacheBroken(file.localPath, error);
      this.#parts.shelf.discard(url, file);
      const { store, key } = file.place;
      throw objectCorrupt(store.url, key, 'the object is no whole Parquet file', error);
    }
  }
}

function endOf({ place: { sizeBytes } }: ColdFile, bytes: number): Span {
  return { start: Math.max(0, sizeBytes - bytes), end: sizeBytes };
}

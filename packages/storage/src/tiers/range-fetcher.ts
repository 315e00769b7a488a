import type { ByteRange } from '@openwit/ports';
import { overlap, type Span, split } from '../byte-spans.ts';
import { objectCorrupt } from '../objects/object-errors.ts';
import { Slots } from '../slots.ts';
import { cacheBroken, cacheClosed, isArchived, isDiskFull, isRestoring } from './cold-errors.ts';
import type { ColdFile } from './cold-file.ts';
import type { ColdSettings } from './cold-settings.ts';
import type { ColdShelf } from './cold-shelf.ts';
import { Flight } from './flight.ts';

/** Brings byte ranges of objects into their sparse files, so many at a time. */
export class RangeFetcher {
  readonly #shelf: ColdShelf;
  readonly #settings: ColdSettings;
  readonly #slots: Slots;
  readonly #flights = new Set<Flight>();
  requests = 0;
  fetchedBytes = 0;

  constructor(shelf: ColdShelf, settings: ColdSettings) {
    this.#shelf = shelf;
    this.#settings = settings;
    this.#slots = new Slots(settings.maxConcurrentRequests);
  }

  /** The requests that must land until the file has these spans: those under way, and new ones for what is missing. */
  start(file: ColdFile, spans: readonly Span[]): Flight[] {
    const known = [...file.flights].filter((flight) => spans.some((span) => overlap(span, flight.span)));
    const missing = split(file.missing(spans), this.#settings.maxRangeBytes);
    return [...known, ...missing.map((span) => this.#launch(file, span))];
  }

  async close(): Promise<void> {
    const flights = [...this.#flights];
    for (const flight of flights) flight.abort(cacheClosed());
    await Promise.allSettled(flights.map(({ done }) => done));
  }

  #launch(file: ColdFile, span: Span): Flight {
    const bytes = span.end - span.start;
    this.#shelf.reserve(bytes);
    const run = async (signal: AbortSignal): Promise<void> => {
      try {
        await this.#slots.run(() => this.#bring(file, span, signal));
        // In one step with the end of the reservation, so that no byte counts twice.
        if (!file.isDiscarded) this.#shelf.hold(file, span);
      } finally {
        this.#shelf.unreserve(bytes);
        file.flights.delete(flight);
        this.#flights.delete(flight);
      }
    };
    const flight: Flight = new Flight(span, run, () => file.flights.delete(flight));
    file.flights.add(flight);
    this.#flights.add(flight);
    return flight;
  }

  async #bring(file: ColdFile, span: Span, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const bytes = await this.#read(file, span, signal);
    signal.throwIfAborted();
    await this.#write(file, bytes, span);
  }

  async #read(file: ColdFile, span: Span, signal: AbortSignal): Promise<Uint8Array> {
    const { store, key, sizeBytes } = file.place;
    const length = span.end - span.start;
    // At the end one byte more is asked for: so an object that is longer shows without a request for its size.
    const range = { offset: span.start, length: span.end === sizeBytes ? length + 1 : length };
    const bytes = await this.#get(file, range, signal);
    if (bytes.length !== length) {
      throw objectCorrupt(store.url, key, `the object's size is not the catalog's, sizeBytes=${sizeBytes}`);
    }
    return bytes;
  }

  async #get(file: ColdFile, range: ByteRange, signal: AbortSignal): Promise<Uint8Array> {
    const { store, key } = file.place;
    const get = async (): Promise<Uint8Array> => {
      this.requests++;
      const bytes = await store.get(key, { range, signal });
      this.fetchedBytes += bytes.length;
      return bytes;
    };
    try {
      return await get();
    } catch (error) {
      if (!isArchived(error) || !this.#settings.restoreArchived) throw error;
      this.requests++;
      const state = await store.restore(key, { days: this.#settings.restoreDays, signal });
      if (state === 'pending') throw isRestoring(store.url, key);
      return get();
    }
  }

  async #write(file: ColdFile, bytes: Uint8Array, span: Span): Promise<void> {
    try {
      await file.write(bytes, span.start).catch(async (error) => {
        if (!isDiskFull(error) || !(await this.#shelf.giveBack(bytes.length))) throw error;
        await file.write(bytes, span.start);
      });
    } catch (error) {
      throw cacheBroken(file.localPath, error);
    }
  }
}

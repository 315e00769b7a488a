import { join } from 'node:path';
import { Database } from './database.ts';
import type { DatabaseSettings } from './settings.ts';

/** In DuckDB's memory a footer takes ten to twenty times its bytes, of which it counts one or two. */
const MOST_STALE_BYTES = 2 * 1024 * 1024;

/** The database for queries, and now and then a new one: DuckDB keeps the footer of each file that it has ever read. */
export class Databases {
  readonly #settings: DatabaseSettings;
  #current: Database;
  #count = 1;
  #opening: Promise<void> | undefined;

  static async open(settings: DatabaseSettings): Promise<Databases> {
    return new Databases(settings, await Database.open(numbered(settings, 1)));
  }

  private constructor(settings: DatabaseSettings, first: Database) {
    this.#settings = settings;
    this.#current = first;
  }

  get current(): Database {
    return this.#current;
  }

  /** After each query: a database that keeps much that nobody reads is followed by an empty one. */
  tidy(): void {
    if (this.#current.footers.staleBytes < MOST_STALE_BYTES || this.#opening !== undefined) return;
    this.#opening = this.#renew().finally(() => (this.#opening = undefined));
  }

  async close(): Promise<void> {
    await this.#opening;
    this.#current.close();
  }

  /** The old one is closed by the last query that it runs. */
  async #renew(): Promise<void> {
    const next = await Database.open(numbered(this.#settings, ++this.#count)).catch(() => undefined);
    if (next === undefined) return; // the old one still does
    this.#current.close();
    this.#current = next;
  }
}

/** Two databases do not share a folder. */
function numbered(settings: DatabaseSettings, number: number): DatabaseSettings {
  const { tempDir } = settings;
  return tempDir === undefined ? settings : { ...settings, tempDir: join(tempDir, `query-${number}`) };
}

/** A file that no query of so many reads is out of use. */
const RECENT_QUERIES = 32;
const FOOTER_SHARE = 0.01;
const LEAST_FOOTER_BYTES = 16 * 1024;

/** A file as a query reads it. */
export interface ReadFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** The footers that a database has read, all of which it keeps. */
export class KeptFooters {
  /** By path, those first that no query has read for the longest time. */
  readonly #files = new Map<string, { readonly bytes: number; readonly query: number }>();
  #queries = 0;

  /** A query reads these files. */
  read(files: readonly ReadFile[]): void {
    const query = ++this.#queries;
    for (const { path, sizeBytes } of files) {
      this.#files.delete(path);
      this.#files.set(path, { bytes: footerBytesOf(sizeBytes), query });
    }
  }

  /** About the bytes of the footers that no query has read of late: of files that were merged, moved, or are just too old. */
  get staleBytes(): number {
    let stale = 0;
    for (const { bytes, query } of this.#files.values()) {
      if (query > this.#queries - RECENT_QUERIES) break;
      stale += bytes;
    }
    return stale;
  }
}

/** No list tells it, but of files of all sizes it is about so much. */
function footerBytesOf(sizeBytes: number): number {
  return Math.max(LEAST_FOOTER_BYTES, FOOTER_SHARE * sizeBytes);
}

import type { AttributeColumn, DataFile, MemoryBatch } from '@openwit/ports';

/** What a table holds at one moment. Versions never change: a commit makes the next one. */
export interface TableVersion {
  readonly batches: readonly MemoryBatch[];
  readonly files: readonly DataFile[];
  readonly attributeColumns: readonly AttributeColumn[];
}

export const EMPTY_VERSION: TableVersion = { batches: [], files: [], attributeColumns: [] };

/** The current version of a table, and the older ones that snapshots still read. */
export class TableVersions {
  #current: TableVersion;
  readonly #pins = new Map<TableVersion, number>();

  constructor(current: TableVersion = EMPTY_VERSION) {
    this.#current = current;
  }

  get current(): TableVersion {
    return this.#current;
  }

  /** Replaces parts of the current version, all at once. */
  change(parts: Partial<TableVersion>): void {
    this.#current = { ...this.#current, ...parts };
  }

  /** Holds the current version until the returned function is called; calling it twice does nothing. */
  pin(): { readonly version: TableVersion; readonly unpin: () => void } {
    const version = this.#current;
    this.#pins.set(version, (this.#pins.get(version) ?? 0) + 1);
    let isPinned = true;
    const unpin = (): void => {
      if (!isPinned) return;
      isPinned = false;
      const pins = this.#pins.get(version)! - 1;
      if (pins === 0) this.#pins.delete(version);
      else this.#pins.set(version, pins);
    };
    return { version, unpin };
  }

  /** True while a snapshot may read the file: it must not be removed. */
  isPinned(fileId: number): boolean {
    return [...this.#pins.keys()].some(({ files }) => files.some((file) => file.fileId === fileId));
  }
}

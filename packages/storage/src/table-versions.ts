import type { AttributeColumn, DataFile, MemoryBatch } from '@openwit/ports';
import type { RecordBatch } from 'apache-arrow';

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
  /** Batches that left the current version while a pinned one may have them. */
  #leaving: { readonly batch: RecordBatch; readonly onUnread: () => void }[] = [];

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
      if (pins === 0) this.#forget(version);
      else this.#pins.set(version, pins);
    };
    return { version, unpin };
  }

  /** Calls back once no snapshot reads a batch that is not in the current version any more. */
  whenUnread(batch: RecordBatch, onUnread: () => void): void {
    this.#leaving.push({ batch, onUnread });
    this.#callBack();
  }

  #forget(version: TableVersion): void {
    this.#pins.delete(version);
    if (this.#leaving.length > 0) this.#callBack();
  }

  #callBack(): void {
    const unread = this.#leaving.filter(({ batch }) => !this.#isRead(batch));
    this.#leaving = this.#leaving.filter((entry) => !unread.includes(entry));
    for (const { onUnread } of unread) onUnread();
  }

  #isRead(batch: RecordBatch): boolean {
    return [...this.#pins.keys()].some(({ batches }) => batches.some((candidate) => candidate.batch === batch));
  }

  /** The files that a snapshot may read while the current version has them no more. */
  *pinnedFiles(): Generator<DataFile> {
    for (const { files } of this.#pins.keys()) yield* files;
  }
}

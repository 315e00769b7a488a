import type { Catalog, TableName } from '@openwit/ports';
import type { Chore } from './maintenance.ts';
import type { TenantTables } from './tenant-tables.ts';

export interface TableSyncParts {
  readonly catalog: Pick<Catalog, 'checkOwner' | 'files'>;
  readonly tables: TenantTables;
  /** Called after a table was made anew. */
  readonly onSynced: () => void;
}

interface TableId {
  readonly tenant: string;
  readonly table: TableName;
}

/**
 * Makes tables in memory what the catalog says, when a change of them was asked for and no answer came: it may have been made
 * or not. Until the catalog answers, queries read a table as it was; its files stay.
 */
export class TableSync implements Chore {
  readonly #parts: TableSyncParts;
  /** By their names. */
  readonly #doubtful = new Map<string, TableId>();
  lastError: unknown;

  constructor(parts: TableSyncParts) {
    this.#parts = parts;
  }

  /** What became of a change of the table is not known. */
  doubt(tenant: string, table: TableName): void {
    this.#doubtful.set(`${tenant}/${table}`, { tenant, table });
  }

  /** To be called while no file is merged. A table that the catalog does not answer for waits for the next run. */
  async run(): Promise<void> {
    for (const [key, id] of this.#doubtful) {
      this.#doubtful.delete(key);
      try {
        await this.#sync(id);
        this.lastError = undefined;
      } catch (error) {
        this.#doubtful.set(key, id);
        this.failed(error);
        return;
      }
    }
  }

  failed(error: unknown): void {
    this.lastError = error;
  }

  async #sync({ tenant, table }: TableId): Promise<void> {
    const { catalog, tables, onSynced } = this.#parts;
    // What another has made of the table is not for this one to show.
    await catalog.checkOwner();
    const versions = tables.table(tenant, table);
    for (;;) {
      const { files: before } = versions.current;
      const live = await catalog.files(tenant, table);
      // What moved, came or went meanwhile may be in the list or not.
      if (versions.current.files !== before) continue;
      const known = new Set(before.map(({ fileId }) => fileId));
      // A new active file comes in the turn in which its batch goes.
      versions.change({ files: live.filter(({ fileId, generation }) => generation > 0 || known.has(fileId)) });
      onSynced();
      return;
    }
  }
}

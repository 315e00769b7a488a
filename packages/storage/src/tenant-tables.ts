import { SIGNALS, type Snapshot, type TableName, type TableSnapshot, type TableSource } from '@openwit/ports';
import { EMPTY_VERSION, TableVersions } from './table-versions.ts';
import type { ColdCache } from './tiers/cold-cache.ts';

/** The tables of all tenants by name. */
export class TenantTables implements TableSource {
  readonly #tables = new Map<string, TableVersions>();
  readonly #coldFiles: Pick<ColdCache, 'reads'> | undefined;

  constructor(coldFiles?: Pick<ColdCache, 'reads'>) {
    this.#coldFiles = coldFiles;
  }

  /** The table, made empty when it is not there. */
  table(tenant: string, table: TableName): TableVersions {
    const key = keyOf(tenant, table);
    let versions = this.#tables.get(key);
    if (versions === undefined) this.#tables.set(key, (versions = new TableVersions()));
    return versions;
  }

  /** Those that a tenant has. */
  of(tenant: string): readonly TableVersions[] {
    return SIGNALS.flatMap((table) => this.#tables.get(keyOf(tenant, table)) ?? []);
  }

  snapshot(tenant: string, tables: readonly TableName[]): Snapshot {
    const pinned = new Map<TableName, TableSnapshot>();
    const unpins: (() => void)[] = [];
    for (const table of tables) {
      const { version, unpin } = this.#tables.get(keyOf(tenant, table))?.pin() ?? NOTHING;
      pinned.set(table, version);
      unpins.push(unpin);
    }
    const cold = this.#coldFiles?.reads();
    return {
      tables: pinned,
      ...(cold && { localise: cold.localise, localiseIndexes: cold.localiseIndexes }),
      release: () => {
        cold?.release();
        for (const unpin of unpins) unpin();
      },
    };
  }

  *[Symbol.iterator](): Generator<{
    readonly tenant: string;
    readonly table: TableName;
    readonly versions: TableVersions;
  }> {
    for (const [key, versions] of this.#tables) {
      const [tenant, table] = key.split('/') as [string, TableName];
      yield { tenant, table, versions };
    }
  }
}

const NOTHING = { version: EMPTY_VERSION, unpin: () => {} };

/** No tenant's name holds a slash. */
function keyOf(tenant: string, table: TableName): string {
  return `${tenant}/${table}`;
}

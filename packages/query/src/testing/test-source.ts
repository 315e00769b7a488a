import type { AttributeColumn, DataFile, MemoryBatch, Snapshot, TableName, TableSource } from '@openwit/ports';

export interface TestTable {
  readonly batches?: readonly MemoryBatch[];
  readonly files?: readonly DataFile[];
  readonly attributeColumns?: readonly AttributeColumn[];
}

/** Tables by tenant that a test sets; it counts the snapshots that are not released. */
export class TestSource implements TableSource {
  readonly tenants: Map<string, Partial<Record<TableName, TestTable>>> = new Map();
  open = 0;
  taken = 0;
  /** How its snapshots bring remote files here; not at all when absent. */
  localise: Snapshot['localise'] | undefined;

  constructor(tables: Partial<Record<TableName, TestTable>> = {}) {
    this.tenants.set('default', tables);
  }

  snapshot(tenant: string, tables: readonly TableName[]): Snapshot {
    const own = this.tenants.get(tenant) ?? {};
    this.open++;
    this.taken++;
    let released = false;
    return {
      tables: new Map(
        tables.map((table) => [table, { batches: [], files: [], attributeColumns: [], ...own[table] }] as const),
      ),
      ...(this.localise && { localise: this.localise }),
      release: () => {
        if (released) return;
        released = true;
        this.open--;
      },
    };
  }
}

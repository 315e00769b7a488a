import type { ColumnData } from '@openwit/ports';
import type { BatchContext } from './batch-context.ts';
import { Int32Column } from './fixed-columns.ts';
import { ResourceGroup } from './resource-group.ts';
import { ScopeGroup } from './scope-group.ts';

/** Where the rows come from: per row, one index into the batch's resources and one into its scopes. */
export class Origin {
  readonly resources: ResourceGroup;
  readonly scopes: ScopeGroup;
  readonly resourceOf: Int32Column;
  readonly scopeOf: Int32Column;
  /** Of the records that are being read. */
  resource = 0;
  scope = 0;

  constructor(context: BatchContext, capacity: number) {
    this.resources = new ResourceGroup(context);
    this.scopes = new ScopeGroup(context);
    this.resourceOf = new Int32Column(context.memory, capacity);
    this.scopeOf = new Int32Column(context.memory, capacity);
  }

  set(row: number): void {
    this.resourceOf.values[row] = this.resource;
    this.scopeOf.values[row] = this.scope;
  }

  byteLength(): number {
    return this.resources.byteLength() + this.scopes.byteLength();
  }

  serviceName(rows: number): ColumnData {
    return grouped(rows, this.resourceOf, this.resources.serviceNameData());
  }

  /** `scope_name`, `scope_version`, `scope_attributes`, `scope_schema_url`. */
  scopeColumns(rows: number): ColumnData[] {
    const { scopes } = this;
    const values = [scopes.nameData(), scopes.versionData(), scopes.attributesData(), scopes.schemaUrlData()];
    return values.map((dictionary) => grouped(rows, this.scopeOf, dictionary));
  }

  /** `resource_attributes`, `resource_schema_url`. */
  resourceColumns(rows: number): ColumnData[] {
    const values = [this.resources.attributesData(), this.resources.schemaUrlData()];
    return values.map((dictionary) => grouped(rows, this.resourceOf, dictionary));
  }
}

/** A column whose rows share the values of a group. */
export function grouped(length: number, indexes: Int32Column, dictionary: ColumnData): ColumnData {
  return { length, indices: indexes.values, dictionary };
}

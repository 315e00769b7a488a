import type { TableName } from '@openwit/ports';

/** What becomes of the files of one tenant's table. Ages are those of a file's latest record. */
export interface TablePolicy {
  /** Bytes of the hot tier above which its oldest files move to the cold one, whatever their age. Default: no limit of its own. */
  readonly hotBytes?: number;
  /** Age at which a file moves to the cold tier, in milliseconds. Default: only when the hot tier is too large. */
  readonly coldAfterMs?: number;
  /** Age at which it moves on to the archive, in milliseconds. Default: never. */
  readonly archiveAfterMs?: number;
  /** Age at which its records are removed, in milliseconds. Default: never. */
  readonly retentionMs?: number;
}

/** A policy for the tables that it names: all of them when it names none. */
export interface PolicyRule extends TablePolicy {
  readonly tenant?: string;
  readonly table?: TableName;
}

/** What holds for a table: each part as the last rule that names the table, and has the part, says. */
export function policyOf(rules: readonly PolicyRule[], tenant: string, table: TableName): TablePolicy {
  const fitting = rules.filter((rule) => (rule.tenant ?? tenant) === tenant && (rule.table ?? table) === table);
  const { tenant: _, table: __, ...policy } = Object.assign({}, ...fitting) as PolicyRule;
  return policy;
}

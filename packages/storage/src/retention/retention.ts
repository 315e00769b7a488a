import { type Catalog, type DataFile, isOpenWitError } from '@openwit/ports';
import type { Chore } from '../maintenance.ts';
import type { TableSync } from '../table-sync.ts';
import type { TenantTables } from '../tenant-tables.ts';
import { type PolicyRule, policyOf } from '../tiers/table-policy.ts';
import type { TrustedTime } from './trusted-time.ts';

export interface RetentionParts {
  readonly catalog: Pick<Catalog, 'commit' | 'trust'>;
  readonly tables: TenantTables;
  readonly sync: Pick<TableSync, 'doubt'>;
  readonly time: TrustedTime;
  /** Called after files left their table. */
  readonly onRemoved: () => void;
}

/** The files whose every record is older than the table keeps records. */
export function expiredFiles<T extends Pick<DataFile, 'maxTimestampNs'>>(
  files: readonly T[],
  retentionMs: number | undefined,
  nowMs: number,
): T[] {
  if (retentionMs === undefined) return [];
  const before = BigInt(Math.floor(nowMs - retentionMs)) * 1_000_000n;
  return files.filter(({ maxTimestampNs }) => maxTimestampNs < before);
}

/** How much older the time is at most that the next start knows. */
const NOTE_EVERY_MS = 60_000;

/** Takes files out of their tables when their records have been kept for as long as the policy wants. */
export class Retention implements Chore {
  readonly #parts: RetentionParts;
  readonly #policies: readonly PolicyRule[];
  lastError: unknown;
  #notedMs = -Infinity;

  constructor(parts: RetentionParts, policies: readonly PolicyRule[]) {
    this.#parts = parts;
    this.#policies = policies;
  }

  async run(): Promise<void> {
    const { catalog, sync } = this.#parts;
    const nowMs = this.#parts.time.now();
    if (this.#policies.some(({ retentionMs }) => retentionMs !== undefined)) await this.#note(nowMs);
    for (const { tenant, table, versions } of this.#parts.tables) {
      const { retentionMs } = policyOf(this.#policies, tenant, table);
      const expired = expiredFiles(versions.current.files, retentionMs, nowMs);
      if (expired.length === 0) continue;
      const replaces = expired.map(({ fileId }) => fileId);
      try {
        await catalog.commit({ tenant, table, files: [], replaces, newColumns: [], ranges: [], sources: [] });
      } catch (error) {
        this.lastError = error;
        // Of a conflict too: one was merged meanwhile, or an earlier answer was lost.
        sync.doubt(tenant, table);
        if (isOpenWitError(error) && error.code === 'CATALOG_CONFLICT') continue;
        return;
      }
      const gone = new Set(replaces);
      versions.change({ files: versions.current.files.filter(({ fileId }) => !gone.has(fileId)) });
      this.#parts.onRemoved();
    }
  }

  /** The times of snapshots would not do: a clock that jumped has written them too. */
  async #note(nowMs: number): Promise<void> {
    if (Math.abs(nowMs - this.#notedMs) < NOTE_EVERY_MS) return;
    try {
      await this.#parts.catalog.trust(nowMs);
      this.#notedMs = nowMs;
    } catch (error) {
      this.lastError = error;
    }
  }
}

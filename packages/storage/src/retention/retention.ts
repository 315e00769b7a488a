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

export interface RetentionStats {
  /** Files that left their tables for their age. */
  readonly files: number;
  /** Attempts to take files out of a table, and to note the time, that failed. Each is made again. */
  readonly failures: number;
  /** Why the last one failed; undefined when the last one succeeded. */
  readonly lastError: unknown;
}

export const NOTHING_EXPIRED: RetentionStats = { files: 0, failures: 0, lastError: undefined };

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
  #stats = NOTHING_EXPIRED;
  #notedMs = -Infinity;

  constructor(parts: RetentionParts, policies: readonly PolicyRule[]) {
    this.#parts = parts;
    this.#policies = policies;
  }

  get stats(): RetentionStats {
    return this.#stats;
  }

  async run(): Promise<void> {
    const { catalog, sync } = this.#parts;
    const nowMs = this.#parts.time.now();
    if (this.#policies.every(({ retentionMs }) => retentionMs === undefined)) return;
    await this.#note(nowMs);
    for (const { tenant, table, versions } of this.#parts.tables) {
      const { retentionMs } = policyOf(this.#policies, tenant, table);
      const expired = expiredFiles(versions.current.files, retentionMs, nowMs);
      if (expired.length === 0) continue;
      const replaces = expired.map(({ fileId }) => fileId);
      try {
        await catalog.commit({ tenant, table, files: [], replaces, newColumns: [], ranges: [], sources: [] });
      } catch (error) {
        // Of a conflict too: one was merged meanwhile, or an earlier answer was lost.
        sync.doubt(tenant, table);
        if (isOpenWitError(error) && error.code === 'CATALOG_CONFLICT') continue;
        return this.failed(error);
      }
      const gone = new Set(replaces);
      versions.change({ files: versions.current.files.filter(({ fileId }) => !gone.has(fileId)) });
      this.#stats = { ...this.#stats, files: this.#stats.files + gone.size, lastError: undefined };
      this.#parts.onRemoved();
    }
  }

  /** The times of snapshots would not do: a clock that jumped has written them too. */
  async #note(nowMs: number): Promise<void> {
    if (Math.abs(nowMs - this.#notedMs) < NOTE_EVERY_MS) return;
    try {
      await this.#parts.catalog.trust(nowMs);
      this.#notedMs = nowMs;
      this.#stats = { ...this.#stats, lastError: undefined };
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error: unknown): void {
    this.#stats = { ...this.#stats, failures: this.#stats.failures + 1, lastError: error };
  }
}

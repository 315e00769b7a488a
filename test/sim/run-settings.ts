import type { SeededRandom } from '@openwit/ports/testing';
import type { LsmStoreSettings, PolicyRule } from '@openwit/storage';

export const TENANTS = ['acme', 'beta', 'core'] as const;
export const SIGNALS = ['logs', 'traces'] as const;
export const MIN_FILES = 3;
/** For how long a clock must tell a time that it jumped to. */
export const CONFIRM_MS = 120_000;
const MINUTE_MS = 60_000;

/** What an operator configures, anew at each start. */
export interface RunSettings {
  readonly hasCold: boolean;
  readonly hasArchive: boolean;
  readonly policies: readonly PolicyRule[];
  readonly store: Omit<LsmStoreSettings, 'dataPath' | 'nodeId'>;
}

/** The stores stay once there are files in them; what is done with files changes. */
export function drawSettings(random: SeededRandom, before?: RunSettings): RunSettings {
  const hasCold = before?.hasCold ?? random.below(4) > 0;
  const hasArchive = before?.hasArchive ?? random.below(2) === 0;
  const policies = before !== undefined && random.below(3) > 0 ? before.policies : drawPolicies(random);
  const hotBytes = hasCold && random.below(2) === 0 ? 800 + random.below(5000) : Infinity;
  return {
    hasCold,
    hasArchive,
    policies,
    store: {
      policies,
      hotBytes,
      compaction: { minFiles: MIN_FILES, stableBytes: 2500, maxJobBytes: 5000, quietMs: 2000 },
      indexing: { delayMs: random.pick([1, 2000, 20_000]) },
      snapshotRetentionMs: random.pick([500, 1000, 8000]),
      clockConfirmMs: CONFIRM_MS,
      bucketSweep: {
        everyMs: random.pick([1, 5, 20]) * MINUTE_MS,
        minAgeMs: random.pick([500, 5000, MINUTE_MS]),
      },
    },
  };
}

function drawPolicies(random: SeededRandom): PolicyRule[] {
  const rule = (): PolicyRule => ({
    ...(random.below(2) === 0 && { tenant: random.pick(TENANTS) }),
    ...(random.below(3) === 0 && { table: random.pick(SIGNALS) }),
    ...(random.below(2) === 0 && { coldAfterMs: random.pick([0.1, 1, 5, 30]) * MINUTE_MS }),
    ...(random.below(3) === 0 && { archiveAfterMs: random.pick([0.3, 10, 60]) * MINUTE_MS }),
    ...(random.below(2) === 0 && { retentionMs: random.pick([5, 60, 240]) * MINUTE_MS }),
  });
  return Array.from({ length: 1 + random.below(3) }, rule);
}

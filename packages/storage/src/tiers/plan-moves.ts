import type { DataFile, TableName, Tier } from '@openwit/ports';
import type { TablePolicy } from './table-policy.ts';

export type MovedFile = Pick<
  DataFile,
  'fileId' | 'path' | 'tier' | 'sizeBytes' | 'generation' | 'minTimestampNs' | 'maxTimestampNs'
>;

export interface TableFiles<T extends MovedFile = MovedFile> {
  readonly tenant: string;
  readonly table: TableName;
  readonly policy: TablePolicy;
  readonly files: readonly T[];
}

export interface PlannedMove<T extends MovedFile = MovedFile> {
  readonly tenant: string;
  readonly table: TableName;
  readonly file: T;
  readonly to: Exclude<Tier, 'hot'>;
}

/** What there is room for, and where. */
export interface TierLimits {
  /** Bytes of the hot tier above which files move to the cold one whatever their age, the oldest first. */
  readonly hotBytes: number;
  readonly hasCold: boolean;
  readonly hasArchive: boolean;
  /** Whether a file can go there now; one that cannot leaves room to be made to others. Default: all can. */
  readonly mayMove?: (file: MovedFile, to: PlannedMove['to']) => boolean;
}

/**
 * Which files move to another tier, the oldest first. Files as they were written from memory do not leave the hot tier by age:
 * they are merged within the hour. To make room any file may; then it stays as it is, since nothing is merged elsewhere, and goes
 * on by its age.
 */
export function planMoves<T extends MovedFile>(
  tables: readonly TableFiles<T>[],
  nowMs: number,
  { hotBytes, hasCold, hasArchive, mayMove = () => true }: TierLimits,
): PlannedMove<T>[] {
  const all = tables
    .flatMap(({ tenant, table, policy, files }) => files.map((file) => ({ tenant, table, policy, file })))
    .sort((a, b) => compare(a.file.maxTimestampNs, b.file.maxTimestampNs));
  let hot = all.reduce((sum, { file }) => sum + (file.tier === 'hot' ? file.sizeBytes : 0), 0);
  const moves: PlannedMove<T>[] = [];
  const roomFrom = all.toSorted((a, b) => Number(a.file.generation === 0) - Number(b.file.generation === 0));
  const moved = new Set<T>();
  const move = ({ tenant, table, file }: (typeof all)[number], to: PlannedMove['to']) => {
    moves.push({ tenant, table, file, to });
    moved.add(file);
    if (file.tier === 'hot') hot -= file.sizeBytes;
  };
  for (const entry of all) {
    const { policy, file } = entry;
    const ageMs = nowMs - Number(file.maxTimestampNs / 1_000_000n);
    const isOld = (limitMs: number | undefined) => limitMs !== undefined && ageMs >= limitMs;
    if ((file.generation === 0 && file.tier === 'hot') || file.tier === 'archive') continue;
    if (hasArchive && isOld(policy.archiveAfterMs) && mayMove(file, 'archive')) move(entry, 'archive');
    else if (hasCold && file.tier === 'hot' && isOld(policy.coldAfterMs) && mayMove(file, 'cold')) move(entry, 'cold');
  }
  for (const entry of roomFrom) {
    if (hot <= hotBytes || !hasCold) break;
    const { file } = entry;
    if (file.tier === 'hot' && !moved.has(file) && mayMove(file, 'cold')) move(entry, 'cold');
  }
  return moves;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}

import { bytesWithIndex, type DataFile, type TableName, type Tier } from '@openwit/ports';
import { isSettled, summaryOf } from './files-summary.ts';
import type { TablePolicy } from './table-policy.ts';

export type MovedFile = Pick<
  DataFile,
  'fileId' | 'path' | 'tier' | 'sizeBytes' | 'index' | 'generation' | 'minTimestampNs' | 'maxTimestampNs'
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
  /** Bytes of the hot tier above which files of all tables move to the cold one whatever their age, the oldest first. */
  readonly hotBytes: number;
  readonly hasCold: boolean;
  readonly hasArchive: boolean;
  /** Whether a file can go there now; one that cannot leaves room to be made to others. Default: all can. */
  readonly mayMove?: (file: MovedFile, to: PlannedMove['to']) => boolean;
}

/** Whether there may be something to plan: for most changes of a store there is not, and no file need be looked at. */
export function isDue(tables: readonly TableFiles[], nowMs: number, limits: TierLimits): boolean {
  let hot = 0;
  for (const { policy, files } of tables) {
    const { hotBytes, oldestHotNs, oldestUnarchivedNs } = summaryOf(files);
    if (limits.hasArchive && oldestUnarchivedNs <= oldSince(nowMs, policy.archiveAfterMs)) return true;
    if (limits.hasCold && oldestHotNs <= oldSince(nowMs, policy.coldAfterMs)) return true;
    if (limits.hasCold && hotBytes > (policy.hotBytes ?? Infinity)) return true;
    hot += hotBytes;
  }
  return limits.hasCold && hot > limits.hotBytes;
}

/**
 * Which files move to another tier: by their age, then to make room, of each table and of all; the oldest first. Files as they were written from memory do
 * not leave the hot tier by age: they are merged within the hour. To make room any file may; then it stays as it is, since nothing
 * is merged elsewhere, and goes on by its age.
 */
export function planMoves<T extends MovedFile>(
  tables: readonly TableFiles<T>[],
  nowMs: number,
  { hotBytes, hasCold, hasArchive, mayMove = () => true }: TierLimits,
): PlannedMove<T>[] {
  const mayArchive = (file: T) => hasArchive && mayMove(file, 'archive');
  const mayCool = (file: T) => hasCold && mayMove(file, 'cold');
  const moves: PlannedMove<T>[] = [];
  const staying: PlannedMove<T>[] = [];
  for (const { tenant, table, policy, files } of tables) {
    const archiveNs = oldSince(nowMs, policy.archiveAfterMs);
    const coldNs = oldSince(nowMs, policy.coldAfterMs);
    const hot: PlannedMove<T>[] = [];
    for (const file of files) {
      const isOld = (sinceNs: bigint) => isSettled(file) && file.maxTimestampNs <= sinceNs;
      if (isOld(archiveNs) && mayArchive(file)) moves.push({ tenant, table, file, to: 'archive' });
      else if (file.tier !== 'hot') continue;
      else if (isOld(coldNs) && mayCool(file)) moves.push({ tenant, table, file, to: 'cold' });
      else hot.push({ tenant, table, file, to: 'cold' });
    }
    const going = surplus(hot, policy.hotBytes ?? Infinity, mayCool);
    for (const move of hot) (going.has(move) ? moves : staying).push(move);
  }
  return [...moves.sort(byTime), ...surplus(staying, hotBytes, mayCool)];
}

/** What goes for no more than `hotBytes` to stay: the oldest, and first of all those that were merged. */
function surplus<T extends MovedFile>(
  hot: readonly PlannedMove<T>[],
  hotBytes: number,
  mayCool: (file: T) => boolean,
): ReadonlySet<PlannedMove<T>> {
  const going = new Set<PlannedMove<T>>();
  let bytes = hot.reduce((sum, { file }) => sum + bytesWithIndex(file), 0);
  if (bytes <= hotBytes) return going;
  const isFresh = ({ file }: PlannedMove) => Number(file.generation === 0);
  const ordered = hot.filter(({ file }) => mayCool(file)).sort((a, b) => isFresh(a) - isFresh(b) || byTime(a, b));
  for (const move of ordered) {
    if (bytes <= hotBytes) break;
    going.add(move);
    bytes -= bytesWithIndex(move.file);
  }
  return going;
}

const NEVER_NS = -1n;

/** Files whose latest record is no younger are as old as that. */
function oldSince(nowMs: number, ageMs: number | undefined): bigint {
  return ageMs === undefined ? NEVER_NS : BigInt(Math.floor(nowMs - ageMs)) * 1_000_000n;
}

function byTime({ file: a }: PlannedMove, { file: b }: PlannedMove): number {
  return a.maxTimestampNs < b.maxTimestampNs ? -1 : Number(a.maxTimestampNs > b.maxTimestampNs);
}

import type { DataFile } from '@openwit/ports';

export interface CompactionSettings {
  /** Files of an hour and a generation that are merged at once while they are small; fewer are left for the time being. Default 8. */
  readonly minFiles: number;
  /** The same for files that are not small: a merge of those costs more than what queries lose by them. Default 32. */
  readonly maxFiles: number;
  /** What files may have on average to be small, in bytes. Default 3 MiB. */
  readonly smallBytes: number;
  /** Files that are as large are never merged again, in bytes. Default 128 MiB. */
  readonly stableBytes: number;
  /** The most bytes that one job reads: what it writes is no larger. Default 256 MiB. */
  readonly maxJobBytes: number;
  /** The most files that one job reads: each is open while it does. Default 256. */
  readonly maxJobFiles: number;
  /** How long an hour that is over must get no file before what is left of it is merged, in milliseconds. Default 5,000. */
  readonly quietMs: number;
}

export const DEFAULT_COMPACTION: CompactionSettings = {
  minFiles: 8,
  maxFiles: 32,
  smallBytes: 3 * 1024 * 1024,
  stableBytes: 128 * 1024 * 1024,
  maxJobBytes: 256 * 1024 * 1024,
  maxJobFiles: 256,
  quietMs: 5000,
};

export type PlannedFile = Pick<DataFile, 'fileId' | 'sizeBytes' | 'generation' | 'minTimestampNs' | 'maxTimestampNs'>;

/** Files to be replaced by one for each span that has rows. */
export interface CompactionJob<T extends PlannedFile = PlannedFile> {
  readonly files: readonly T[];
  readonly spans: readonly TimeSpan[];
}

/** `fromNs <= timestamp < toNs` */
export interface TimeSpan {
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

const SECOND_NS = 1_000_000_000n;
const HOUR_NS = 3600n * SECOND_NS;
/** Each cuts into the ones before it, of which it has few enough: 24, 32 and 32. */
const UNITS_NS = [HOUR_NS, 24n * HOUR_NS, 768n * HOUR_NS, 24_576n * HOUR_NS];
/** Later than any time that a record can have. */
const END_NS = 2n ** 63n;
/** A file's rows are written anew this often at the most when its hour ends, and once more for each time that there are many. */
const CLOSING_GENERATIONS = 2;

/**
 * What is to be merged of one table. No file is in two jobs. Files of one hour are merged into one
 * when there are many of the same generation, or when the hour is over and quiet; files that span more are cut into hours,
 * or first into longer spans where hours would be too many.
 *
 * Every merge of many raises the generation, so a row is written once more for each power of `minFiles` that its hour has in
 * files, and at the end of its hour; whatever is `stableBytes` large is left alone. So the files of an hour are
 * at most `maxFiles - 1` a generation, and the large ones.
 * @param nowMs since the Unix epoch; Infinity when every hour counts as over
 * @param ageMs how long a file has been in the table
 */
export function planCompaction<T extends PlannedFile>(
  files: readonly T[],
  nowMs: number,
  ageMs: (file: T) => number,
  settings: CompactionSettings = DEFAULT_COMPACTION,
): CompactionJob<T>[] {
  const small = files.filter((file) => file.sizeBytes < settings.stableBytes || unitOf(file) > 0);
  const groups = Map.groupBy(small, (file) => placeOf(file).group);
  return [...groups.values()].flatMap((group) => jobsOfGroup(group, nowMs, ageMs, settings));
}

function jobsOfGroup<T extends PlannedFile>(
  group: readonly T[],
  nowMs: number,
  ageMs: (file: T) => number,
  settings: CompactionSettings,
): CompactionJob<T>[] {
  const byGeneration = Map.groupBy(group, ({ generation }) => generation);
  const ordered = [...byGeneration].sort(([a], [b]) => a - b).map(([, members]) => members);
  const jobs: CompactionJob<T>[] = [];
  const left: T[] = [];
  for (const members of ordered) {
    const chunks = chunksOf(members, settings);
    for (const files of chunks) {
      const isFull = chunks.length > 1 && files !== chunks.at(-1);
      if (files.length >= manyOf(files, settings) || (isFull && files.length > 1)) jobs.push(jobOf(files));
      else left.push(...files);
    }
  }
  if (jobs.length > 0 || !isClosed(group, nowMs, ageMs, settings)) return jobs;
  const closing = chunksOf(
    left.filter(({ generation }) => generation < CLOSING_GENERATIONS),
    settings,
  );
  // One file alone is written anew only to be sorted by its hours, or to be small: what was written from memory is not.
  return closing.filter(needsMerge).map(jobOf);
}

function manyOf(files: readonly PlannedFile[], { minFiles, maxFiles, smallBytes }: CompactionSettings): number {
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return bytes <= smallBytes * files.length ? minFiles : Math.max(minFiles, maxFiles);
}

function needsMerge(files: readonly PlannedFile[]): boolean {
  return files.length > 1 || files.some((file) => file.generation === 0 || unitOf(file) > 0);
}

/** In the order in which they came, and so of time. */
function chunksOf<T extends PlannedFile>(files: readonly T[], { maxJobBytes, maxJobFiles }: CompactionSettings): T[][] {
  const chunks: T[][] = [];
  let bytes = 0;
  for (const file of files.toSorted((a, b) => a.fileId - b.fileId)) {
    const isFull = bytes + file.sizeBytes > maxJobBytes || chunks.at(-1)?.length === maxJobFiles;
    if (chunks.length === 0 || isFull) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)!.push(file);
    bytes += file.sizeBytes;
  }
  return chunks;
}

function isClosed<T extends PlannedFile>(
  group: readonly T[],
  nowMs: number,
  ageMs: (file: T) => number,
  { quietMs }: CompactionSettings,
): boolean {
  if (group.some((file) => ageMs(file) < quietMs)) return false;
  return nowMs === Infinity || wholeOf(group[0]!).toNs <= BigInt(Math.trunc(nowMs)) * 1_000_000n;
}

interface Place {
  /** The index of the smallest unit that holds all of the file's times. */
  readonly unit: number;
  /** The same for all files in that stretch of time. */
  readonly group: string;
}

/** A table of ten thousand files is planned anew with each that comes; where a file belongs is told once. */
const places = new WeakMap<PlannedFile, Place>();

function placeOf(file: PlannedFile): Place {
  let place = places.get(file);
  if (place === undefined) places.set(file, (place = findPlace(file)));
  return place;
}

function findPlace({ minTimestampNs, maxTimestampNs }: PlannedFile): Place {
  const unit = UNITS_NS.findIndex((ns) => minTimestampNs / ns === maxTimestampNs / ns);
  return unit < 0
    ? { unit: UNITS_NS.length, group: 'all' }
    : { unit, group: `${unit}:${minTimestampNs / UNITS_NS[unit]!}` };
}

function unitOf(file: PlannedFile): number {
  return placeOf(file).unit;
}

/** The unit that holds all of a file's times. */
function wholeOf(file: PlannedFile): TimeSpan {
  const ns = UNITS_NS[unitOf(file)];
  if (ns === undefined) return { fromNs: 0n, toNs: END_NS };
  const fromNs = (file.minTimestampNs / ns) * ns;
  return { fromNs, toNs: fromNs + ns };
}

/** An hour stays one; a longer unit is cut into those below it, where the files may have rows. */
function jobOf<T extends PlannedFile>(files: readonly T[]): CompactionJob<T> {
  const { fromNs, toNs } = wholeOf(files[0]!);
  const part = UNITS_NS[Math.max(0, unitOf(files[0]!) - 1)]!;
  const spans: TimeSpan[] = [];
  for (let start = fromNs; start < toNs; start += part) {
    const span = { fromNs: start, toNs: start + part };
    if (files.some((file) => file.minTimestampNs < span.toNs && file.maxTimestampNs >= span.fromNs)) spans.push(span);
  }
  return { files, spans };
}
